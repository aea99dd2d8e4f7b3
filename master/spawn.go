// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"strconv"
	"time"

	"postloop/loop"
	"postloop/master/handover"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

const (
	termSignal = unix.SIGTERM
	killSignal = unix.SIGKILL
)

// stressTime is how long a service stays in stress mode after it has touched
// its process limit.
const stressTime = 1000 * time.Second

// child is a process that master has started.
type child struct {
	s          *service
	pid        int
	generation uint32
	idle       bool
	uses       int // clients served to the end, by its own account

	program   bool // it has the sockets, and says nothing
	born      time.Time
	dismissed bool
	last      *loop.Timer
}

// knocked starts a process: somebody waits at the endpoint and nobody is idle.
func (s *service) knocked(loop.Ready) {
	if !s.wantListen() { // another socket of s was first in this turn
		return
	}
	s.checkStress()
	s.spawn()
}

// checkStress turns stress mode on when the process about to start takes the
// last place. Processes that live with ordinary settings then leave as soon
// as they are idle.
func (s *service) checkStress() {
	if !s.stressMode || s.spec.Limit == 0 || s.total+1 < s.spec.Limit {
		return
	}
	if !s.stressed() {
		s.stopWakeup()
		s.closeStatus()
		s.startWakeup()
	}
	s.stressUntil = s.m.age() + stressTime
}

// stressed reports whether s is in stress mode.
func (s *service) stressed() bool { return s.stressMode && s.stressUntil > s.m.age() }

// spawn starts one process of s.
func (s *service) spawn() {
	m := s.m
	if s.throttled {
		panic("master: spawn of a throttled service")
	}
	if s.spec.Limit > 0 && s.total >= s.spec.Limit {
		panic("master: spawn at the process limit")
	}
	m.generation++
	pid, err := m.startProcess(s)
	if err != nil {
		m.spawnFailed(s, err)
		return
	}
	if m.log.Verbose > 0 {
		m.log.Debugf("spawn command %s; pid %d", s.path, pid)
	}
	c := &child{s: s, pid: pid, generation: m.generation, program: s.program != nil, born: m.loop.Now()}
	s.past().Starts++
	s.record.Knocked = m.age()
	m.children[pid] = c
	s.total++
	s.procs++
	s.more(c) // available from birth: it says so only after its first client
	s.used()
}

// startProcess runs s's executable with the descriptors, arguments and
// environment that package proto describes.
func (m *Master) startProcess(s *service) (pid int, err error) {
	if s.program != nil {
		return m.startProgram(s)
	}
	if err := s.openStatus(); err != nil {
		return 0, err
	}
	m.files = append(m.files[:0], 0, 1, 2, m.flow[0], m.flow[1], s.status.theirs)
	for _, ln := range s.listeners {
		m.files = append(m.files, ln.fd)
	}
	c := &m.cmd
	c.Path, c.Args, c.Files = s.path, childArgs(c.Args[:0], s.spec, s.childOptions()), m.files
	c.Env = append(append(c.Env[:0], m.env...), proto.GenerationEnv+"="+proto.FormatGeneration(m.generation))
	return m.loop.Spawn(c, m.exited)
}

// spawnFailed throttles a service that could not be started.
func (m *Master) spawnFailed(s *service, err error) {
	var exec *loop.ExecError
	if errors.As(err, &exec) {
		s.blame(handover.ExecFault, exec.Pid, errnoOf(exec.Err))
		s.log().Fatalf("master_spawn: exec %s: %s", s.path, maillog.Strerror(exec.Err))
		if exec.Pid != 0 {
			s.log().Warnf("process %s pid %d exit status 1", s.path, exec.Pid)
		} else {
			s.log().Warnf("process %s exit status 1", s.path)
		}
		s.log().Warnf("%s: bad command startup -- throttling", s.path)
	} else {
		s.blame(handover.ForkFault, 0, errnoOf(err))
		s.log().Warnf("master_spawn: fork: %s -- throttling", maillog.Strerror(err))
	}
	s.throttle()
}

// exited takes the end of a process.
func (m *Master) exited(e loop.Exit) {
	c := m.children[e.Pid]
	if c == nil {
		panic("master: end of an unknown process " + strconv.Itoa(e.Pid))
	}
	s := c.s
	if m.log.Verbose > 0 {
		m.log.Debugf("master_reap_child: pid %d", e.Pid)
	}
	c.last.Stop()
	bad := c.program && c.programEnded()
	switch st := e.Status; {
	case st.Exited() && st.ExitStatus() == 0:
		if !bad {
			s.recovered()
		}
		s.past().Exits.OK++
	case st.Exited():
		bad = true
		s.past().Exits.Failed++
		s.blame(handover.ExitFault, e.Pid, st.ExitStatus())
		s.log().Warnf("process %s pid %d exit status %d", s.path, e.Pid, st.ExitStatus())
	case st.Signaled():
		s.past().Exits.Signal++
		// The signals that end a removed service are master's own doing.
		if own := s.stopping || m.stopping || c.dismissed; !own || st.Signal() != termSignal && st.Signal() != killSignal {
			bad = true
			s.blame(handover.SignalFault, e.Pid, int(st.Signal()))
			s.log().Warnf("process %s pid %d killed by signal %d", s.path, e.Pid, st.Signal())
		}
	}
	delete(m.children, e.Pid)
	s.total--
	s.procs--
	if bad && c.uses == 0 && !s.stopping && !s.throttled && !m.stopping {
		s.log().Warnf("%s: bad command startup -- throttling", s.path)
		s.throttle()
	}
	if c.idle {
		if c.uses == 0 {
			s.record.gaveUp()
		}
		s.less(c)
	} else {
		s.enforce()
	}
	if s.stopping && s.total == 0 {
		s.gone()
	}
	m.checkStopped()
}

// signalChildren sends sig to the processes that which picks.
func (m *Master) signalChildren(sig unix.Signal, which func(*child) bool) {
	for _, c := range m.children {
		if which(c) {
			c.signal(sig)
		}
	}
}
