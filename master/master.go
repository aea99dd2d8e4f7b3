// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/web"

	"golang.org/x/sys/unix"
)

// Version is what the log and the programs call this one, unless mail_version
// says otherwise.
const Version = "postloop-0.1.0"

// stopTime bounds a shutdown under Postfix's own scripts, which lose their
// patience after five seconds and kill the whole process group.
const stopTime = 4 * time.Second

// Options are what the command line and the process decide, not a
// configuration.
type Options struct {
	Debug   bool                // -d: processes get -d too
	Environ []string            // master's own, before import_environment
	Hosted  map[string]HostFunc // by the command's name in master.cf
	// Exposed are those of Hosted that read what clients send, and are for a
	// rootless master only.
	Exposed []string
	// Group has Shutdown signal the whole process group, which master leads:
	// descendants that master does not know of end as well.
	Group bool
	// Changed, if not nil, is called whenever Summary may have another answer,
	// which is often.
	Changed func()
	// Sockets are those that this process was started with. They become
	// master's.
	Sockets []Socket
}

// Master keeps the services of one configuration running.
type Master struct {
	loop *loop.Loop
	log  *maillog.Logger
	opt  Options

	started bool // a configuration is in service
	conf    *cfg.Config
	params  *cfg.Params
	env     []string // of processes
	owner   Ids      // of local endpoints
	addrs   []netip.Addr

	sockets []*inherited

	services   []*service            // in the order of the configuration
	leaving    map[*service]struct{} // removed, but somebody is still there
	children   map[int]*child
	generation uint32 // of the youngest process
	flow       [2]int
	triggers   map[*trigger]struct{}

	waitersBelow int // what the descriptors of clients in queues stay below
	seats        int // clients that take one; see seat

	files []int    // scratch of startProcess
	cmd   loop.Cmd // the process that was started last; the next one has most in common with it

	change *transaction // a configuration on its way

	view      *view // nil: nobody can look
	viewers   []*viewer
	texts     map[string]web.Answer // by path; nil: none that is young enough
	textTimer *loop.Timer
	textsMade uint64 // how often they were dropped for their age

	inherited *inheritance // nil: there is none, or it has been taken over

	born    time.Time
	reloads reloads

	stopping  bool
	stopTimer *loop.Timer
	stopped   func()
}

// New returns a master without services. The loop stays the caller's.
func New(l *loop.Loop, log *maillog.Logger, opt Options) (*Master, error) {
	flow, err := openFlow()
	if err != nil {
		return nil, err
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		closeAll(flow[:])
		return nil, os.NewSyscallError("getrlimit", err)
	}
	m := &Master{
		loop: l, log: log, opt: opt, flow: flow, waitersBelow: waitersBelow(files),
		born:    l.Now(),
		leaving: map[*service]struct{}{}, children: map[int]*child{}, triggers: map[*trigger]struct{}{},
	}
	for _, s := range opt.Sockets {
		unix.CloseOnExec(s.FD)
		m.sockets = append(m.sockets, inherit(s))
	}
	return m, nil
}

// Start takes the first configuration into service. When all of it is known
// to be right, and before the first endpoint is opened, claim is called, which
// takes the locks that make this master the only one. done is called once,
// in this turn or a later one; after an error nothing is open.
func (m *Master) Start(conf *cfg.Config, claim func(*cfg.Params, Ids) error, done func(error)) {
	if m.started || m.change != nil {
		panic("master: started twice")
	}
	m.begin(conf, claim, done)
}

// Reload replaces the configuration. On an error everything that ran goes on
// as before. Processes that live with the old one leave as soon as they have
// nothing to do. prepare, if not nil, is called when everything has been
// checked and nothing opened; its error refuses the reload, too. done is
// called once, in this turn or a later one.
func (m *Master) Reload(conf *cfg.Config, prepare func(*cfg.Params) error, done func(error)) {
	if m.change != nil {
		done(errors.New("another reload is under way"))
		return
	}
	var claim func(*cfg.Params, Ids) error
	if prepare != nil {
		claim = func(p *cfg.Params, _ Ids) error { return prepare(p) }
	}
	m.begin(conf, claim, done)
}

// Busy reports whether a configuration is on its way.
func (m *Master) Busy() bool { return m.change != nil }

// Params returns the parameters in force.
func (m *Master) Params() *cfg.Params { return m.params }

// Shutdown stops all services: endpoints are closed, processes are asked to
// end and after a while made to. done is called once, when the last
// one is gone.
func (m *Master) Shutdown(done func()) {
	if m.stopping {
		return
	}
	m.stopping, m.stopped = true, done
	if m.change != nil {
		m.change.names.Abandon()
	}
	for _, s := range m.services {
		s.stopWakeup()
		s.stopping = true
		s.enforce()
		s.endThrottle()
		s.closeGate()
	}
	for t := range m.triggers {
		t.end()
	}
	limit := stopTime
	if m.params != nil && (m.params.Rootless || m.params.StopTimeLimit < limit) {
		limit = m.params.StopTimeLimit
	}
	m.stopTimer = m.loop.After(limit, m.killAll) // first this: the last one may end in here
	if m.opt.Group {
		// Master is a member: it has to be ready for its own signal.
		_ = unix.Kill(-unix.Getpid(), termSignal)
		m.signalChildren(termSignal, func(c *child) bool { return c.program }) // they lead groups of their own
	} else {
		m.signalChildren(termSignal, anyChild)
	}
	for _, s := range m.services { // then this: who comes now must not wait for us
		s.closeStatus()
		s.closeEndpoint()
	}
	m.endHosted(false)
	m.checkStopped()
}

// killAll ends what did not leave in time, and soon after the shutdown
// itself, whatever is left.
func (m *Master) killAll() {
	m.log.Warnf("%d process(es) did not terminate in time -- killing", m.left())
	m.kill()
}

// Abort has a shutdown that was begun not wait for anybody.
func (m *Master) Abort() {
	if m.stopped == nil { // it has ended, or has not begun
		return
	}
	m.stopTimer.Stop()
	m.log.Warnf("aborting -- %d process(es) are killed", m.left())
	m.kill()
}

// left counts the processes, and the clients of hosted services.
func (m *Master) left() int {
	n := len(m.children)
	for _, s := range append(slices.Collect(maps.Keys(m.leaving)), m.services...) {
		n += s.total - s.procs
	}
	return n
}

func (m *Master) kill() {
	m.signalChildren(killSignal, anyChild)
	m.endHosted(true)
	m.stopTimer = m.loop.After(time.Second, m.finish)
}

func anyChild(*child) bool { return true }

// endHosted ends the clients of hosted services. One that ends in this turn
// already may make its service leave the lists.
func (m *Master) endHosted(force bool) {
	for _, s := range append(slices.Collect(maps.Keys(m.leaving)), m.services...) {
		if s.host != nil {
			s.host.shutdown(force)
		}
	}
}

// checkStopped ends a shutdown when nobody is left.
func (m *Master) checkStopped() {
	if !m.stopping || len(m.children) > 0 || len(m.leaving) > 0 {
		return
	}
	for _, s := range m.services {
		if s.total > 0 {
			return
		}
	}
	m.finish()
}

// finish reports the end of a shutdown.
func (m *Master) finish() {
	done := m.stopped
	if done == nil {
		return
	}
	m.stopped = nil
	m.stopTimer.Stop()
	m.CloseView()
	closeAll(m.flow[:])
	m.loop.Later(done)
}

func (m *Master) add(s *service) *service {
	m.services = append(m.services, s)
	return s
}

// pathsInUse lists the files of local endpoints that are in service.
func (m *Master) pathsInUse() map[string]bool {
	paths := make(map[string]bool)
	for _, s := range m.services {
		if path := s.spec.Path(); path != "" {
			paths[path] = true
		}
	}
	return paths
}

// asOwner runs f with the identity that owns local endpoints.
func (m *Master) asOwner(f func() error) error { return m.owner.Do(f) }
