// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"os"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// statusBatch bounds the reports read in one turn, so that a process that
// floods its channel delays nobody.
const statusBatch = 64

// statusRoom is more than the reports that a channel can hold: all of them
// count, and a process that goes on writing does not hold up its end.
const statusRoom = 4096

// gossipLimit is how many senseless reports of one channel are logged.
const gossipLimit = 20

// status is the channel over which the processes of one service report.
//
// It is a pair of sequenced packets where the system has them, not a stream:
// a report of the wrong length then spoils only itself.
type status struct {
	s      *service
	ours   int // processes see its end as their end: nobody else may hold it
	theirs int // held so that the channel has no end while no process lives
	watch  *loop.Watch
	bad    int
}

// openStatus makes s's status channel, unless it has one.
func (s *service) openStatus() error {
	if s.status != nil {
		return nil
	}
	s.m.log.Debugf("master_status_init: %s", s.spec.Name)
	pair, err := unix.Socketpair(unix.AF_UNIX, statusSocketType, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	unix.CloseOnExec(pair[0])
	unix.CloseOnExec(pair[1])
	st := &status{s: s, ours: pair[0], theirs: pair[1]}
	err = unix.SetNonblock(st.ours, true)
	if err == nil {
		st.watch, err = s.m.loop.Watch(st.ours, loop.Readable, st.reported)
	}
	if err != nil {
		closeAll(pair[:])
		return err
	}
	s.status = st
	return nil
}

// closeStatus ends the status channel, which tells the processes of s to
// leave when they have nothing to do. What they reported before counts.
func (s *service) closeStatus() {
	st := s.status
	if st == nil {
		return
	}
	s.m.log.Debugf("master_status_cleanup: %s", s.spec.Name)
	st.read(statusRoom)
	s.status = nil
	st.watch.Stop()
	unix.Close(st.ours)
	unix.Close(st.theirs)
}

// reported reads reports that wait.
func (st *status) reported(loop.Ready) { st.read(statusBatch) }

// read takes up to limit reports.
func (st *status) read(limit int) {
	var buf [4 * proto.StatusSize]byte
	for range limit {
		n, err := unix.Read(st.ours, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			st.gossip("master_status_event: read: %s", maillog.Strerror(err))
			return
		}
		r, ok := proto.ParseStatus(buf[:n])
		if !ok {
			st.gossip("service %s(%s): child (pid %d) sent partial status update (%d bytes)",
				st.s.spec.Name, st.s.key.name, claimedPid(buf[:n]), n)
			continue
		}
		st.report(r)
	}
}

// report takes one report, as far as it makes sense.
func (st *status) report(r proto.Status) {
	s, m := st.s, st.s.m
	if m.log.Verbose > 0 {
		m.log.Debugf("master_status_event: pid %d gen %d avail %d", r.Pid, r.Generation, r.Avail)
	}
	c := m.children[int(r.Pid)]
	switch {
	case c == nil || c.s != s:
		m.log.Debugf("master_status_event: process id not found: %d", r.Pid)
	case c.generation != r.Generation:
		st.say(m.log.Infof, "ignoring status update from child pid %d generation %d", r.Pid, r.Generation)
	case r.Avail == proto.Available:
		if !c.idle {
			c.uses++
			s.recovered()
			s.more(c)
		}
	case r.Avail == proto.Taken:
		if c.idle {
			if s.record.awaited() {
				s.record.answered(m.age())
			}
			s.less(c)
		}
	default:
		// The two numbers stand as Postfix has them, each in the other's place.
		st.gossip("master_status_event: ignoring unknown status: %d allegedly from pid: %d", r.Pid, r.Avail)
	}
}

// gossip warns of a senseless report.
func (st *status) gossip(format string, args ...any) { st.say(st.s.log().Warnf, format, args...) }

// say logs a senseless report; after gossipLimit of them the channel's further
// ones are ignored in silence.
func (st *status) say(log func(string, ...any), format string, args ...any) {
	st.bad++
	switch {
	case st.bad <= gossipLimit:
		log(format, args...)
	case st.bad == gossipLimit+1:
		st.s.log().Warnf("service %s(%s): further senseless status updates are not logged", st.s.key.name, st.s.spec.Name)
	}
}

// claimedPid returns the process number in a report of the wrong length, or 0
// where it does not reach that far.
func claimedPid(b []byte) int32 {
	if len(b) > proto.StatusSize {
		b = b[:proto.StatusSize]
	}
	r, _ := proto.ParseStatus(append(b[:len(b):len(b)], make([]byte, proto.StatusSize-len(b))...))
	return r.Pid
}
