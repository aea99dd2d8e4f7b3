// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Program is a service whose listening sockets go to one program, which accepts
// by itself and knows nothing of a master: neither who is served nor whether
// there is room for more.
//
// So there is one rule: while the program runs, it has the sockets; while it
// does not, master watches them, and the next client starts it. A program that
// ends well has had enough for now. One that ends badly soon after its start is
// throttled, like a daemon that ends before it has served anyone.
type Program interface {
	// Start runs the program with the sockets, which stay master's. The error is
	// the loop's.
	Start(l *loop.Loop, sockets []Socket, exited func(loop.Exit)) (pid int, err error)
	// Path is what is run.
	Path() string
	// Single reports whether it can have one socket only.
	Single() bool
	// Same reports whether by would run just the same.
	Same(by Program) bool
}

// hasteLimit is how many times in a row a program may end within hasteTime of its
// start, for whatever reason, before it is throttled: whoever knocks is not
// served by it.
const (
	hasteLimit = 10
	hasteTime  = time.Second
)

// errPolicy is about clients that master never sees.
var errPolicy = errors.New("spawn_protocol gives the listening socket away, and hosted_client_..., hosted_queue_limit are about clients that master accepts; leave one of the two out")

// checkProgram takes the program that a HostFunc has made, if it has.
func (w *wanted) checkProgram() error {
	p := w.host.Program
	switch {
	case p == nil:
		return nil
	case w.policy != nil:
		return errPolicy
	case p.Single() && len(w.addrs) > 1:
		return fmt.Errorf("spawn_protocol = wait takes one address, and there are %d; name one, or specify spawn_protocol = listen-fds", len(w.addrs))
	}
	w.program, w.path = p, p.Path()
	return nil
}

// startProgram is startProcess for a program.
func (m *Master) startProgram(s *service) (pid int, err error) {
	name := strings.Map(func(r rune) rune {
		if r == ':' || r <= ' ' || r >= 0x7f {
			return '_' // it is one element of a list
		}
		return r
	}, s.spec.Name)
	sockets := make([]Socket, len(s.listeners))
	for i, ln := range s.listeners {
		sockets[i] = Socket{ln.fd, name}
		// Such programs expect what a manager has opened for them. Master does not
		// accept, and makes them anew before anybody else does: registerOne.
		if err := unix.SetNonblock(ln.fd, false); err != nil {
			m.log.Warnf("%s: %s", s, maillog.Strerror(err))
		}
	}
	return s.program.Start(m.loop, sockets, m.exited)
}

// replaceProgram takes what w has. A program that runs otherwise than it would
// now, or with other sockets, is asked to end; the next client starts the new
// one.
func (s *service) replaceProgram(w *wanted, moved bool) {
	old := s.program
	s.program = w.program
	if old != nil && (moved || s.program == nil || !old.Same(s.program)) {
		s.dismiss()
	}
}

// dismiss asks the program of s to end, whose end is then nothing bad, and sees
// to it.
func (s *service) dismiss() {
	for _, c := range s.m.children {
		if c.s != s || !c.program || c.dismissed {
			continue
		}
		c.dismissed = true
		c.signal(termSignal)
		c.last = s.m.loop.After(s.m.params.StopTimeLimit, c.overdue)
	}
}

// overdue ends a dismissed program that has not.
func (c *child) overdue() {
	c.s.m.log.Warnf("%s: process %d did not terminate within %s -- killing", c.s, c.pid, c.s.m.params.StopTimeLimit)
	c.signal(killSignal)
}

// signal sends sig to the process; to all of a program's group, which that
// leads.
func (c *child) signal(sig unix.Signal) {
	if !c.program || unix.Kill(-c.pid, sig) != nil {
		// ESRCH cannot be: the process is not reaped yet.
		_ = unix.Kill(c.pid, sig)
	}
}

// programEnded looks at how long the program has run, and reports whether it is
// in too much of a hurry to be started again at once.
func (c *child) programEnded() bool {
	s := c.s
	life := s.m.loop.Now().Sub(c.born)
	if life >= s.m.params.ThrottleTime {
		c.uses++ // as a daemon that has served somebody
		s.recovered()
	}
	if life >= hasteTime || c.dismissed {
		s.haste = 0
		return false
	}
	s.haste++
	if s.haste < hasteLimit {
		return false
	}
	s.haste = 0
	return true
}
