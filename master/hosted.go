// SPDX-License-Identifier: ISC

package master

import (
	"maps"
	"slices"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/names"
)

// Hosted is a service in master's own process: instead of starting a process
// that accepts, master accepts and calls back.
type Hosted interface {
	// Accepted takes over the descriptor of a client, which is blocking and
	// close-on-exec. It is called at most as often as the process limit
	// allows clients at once; see Host.Connections. done is to be called once
	// when the client is finished, in this turn or later. An error says that
	// something is wanting for this client now, as when fork(2) fails: the
	// descriptor then is untouched and the caller's, done must not be called,
	// and the client comes again.
	Accepted(fd int, p loop.Peer, done func()) error

	// Shutdown ends what still runs, because master is ending: at once if
	// force, else with a chance to finish. A reload never calls it; a service
	// that was removed or replaced finishes its clients by itself.
	Shutdown(force bool)
}

// Lasting is a Hosted whose clients may stay for ever.
type Lasting interface {
	Hosted

	// Replaced is called when no more clients will come, because a reload has
	// succeeded. Those to come are by's, who is nil if nobody serves them any
	// more, or a process does. Those who are there, whose done stays what it
	// was, can be given to by, or have to be made to leave.
	Replaced(by Hosted)
}

// Moving is a Hosted with a process per client, which another master in the
// place of this one can go on with. One that is not is asked to have no
// clients when that happens.
type Moving interface {
	Hosted

	// Last is the process of the client that Accepted took last.
	Last() int
	// Running calls f for every process, with what is left of its time.
	Running(f func(pid int, left time.Duration))
	// Resume takes over a process that another's Running has had.
	Resume(pid int, left time.Duration, done func()) error
}

// Host is what a hosted service is given to live on.
type Host struct {
	Loop    *loop.Loop
	Log     *maillog.Logger // with the service's tag
	Service *cfg.Service
	Main    *cfg.Main // with the service's -o overrides applied
	Params  *cfg.Params
	Env     []string // the cleaned environment that processes get
	Names   Names    // while the configuration is checked; nil afterwards

	// Warnf is for a HostFunc to say what is odd about an entry that is usable.
	// The log has it when the configuration is in force.
	Warnf func(format string, args ...any)

	// Binding is for a HostFunc to say that the entry asks for what a process in
	// its place might not do. After an error such an entry is refused.
	Binding bool

	// Program is for a HostFunc to say that the listening sockets go to a program.
	// What it returns is then not looked at.
	Program Program

	// Connections is for a HostFunc to say that clients stay connections of this
	// process, and are no processes. The process limit then says nothing about
	// them; what limits them is how many descriptors there are.
	Connections bool
}

// Names answers which numbers belong to a name. An answer may need to be
// waited for: names.ErrPending then has to be returned as it is, and the same
// question comes again with the answer at hand.
type Names interface {
	User(name string) (names.User, error)
	Group(name string) (names.Group, error)
}

// HostFunc checks a service's arguments and makes it, without any effect yet:
// a reload that fails in another place forgets it again. Errors are *cfg.Error
// or text for the service's line.
type HostFunc func(h *Host) (Hosted, error)

// host counts the clients of a hosted service, across every reload.
type host struct {
	s       *service
	current *tenant              // nil: a reload has given the service to processes
	past    map[*tenant]struct{} // replaced by a reload, with clients
	gate    *gate                // nil: whoever is accepted is served
}

// tenant is a Hosted with the clients that it has.
type tenant struct {
	h           *host
	hosted      Hosted
	connections bool // see Host
	clients     int
	done        func() // ended, for clients that need not be told apart
}

// isHosted reports whether the next client of s is master's own.
func (s *service) isHosted() bool { return s.host != nil && s.host.current != nil }

// accepted hands a client on. The rule that limits processes limits clients.
func (h *host) accepted(fd int, p loop.Peer) {
	h.s.past().Clients++
	if h.gate != nil {
		h.gate.accepted(fd, p)
		return
	}
	if err := h.serve(fd, p, h.current.done); err != nil {
		g := h.openGate()
		g.hold(&guest{g: g, from: originOf(p), fd: fd, peer: p, since: g.now()}, err)
	}
}

// serve has the service of today take a client. After an error it is still
// the caller's, who has to call enforce.
func (h *host) serve(fd int, p loop.Peer, done func()) error {
	t := h.current
	t.count(1)
	h.s.enforce() // before the call, which may end the client at once
	h.s.used()
	err := t.hosted.Accepted(fd, p, done)
	if err != nil {
		t.count(-1)
	}
	return err
}

// count adds n to the clients.
func (t *tenant) count(n int) {
	t.clients += n
	t.h.s.total += n
	if t.connections {
		t.h.s.m.seat(n)
	}
}

// ended takes the end of a client.
func (t *tenant) ended() {
	s := t.h.s
	t.count(-1)
	if t.clients == 0 {
		delete(t.h.past, t)
	}
	s.enforce()
	if s.stopping && s.total == 0 {
		s.gone()
	}
	s.m.checkStopped()
}

// trouble reports that no client can be accepted for now, and with nil that
// this is over; the loop tries again by itself.
func (h *host) trouble(err error) {
	if err == nil {
		h.s.log().Infof("%s: accepting clients again", h.s)
		return
	}
	h.s.log().Warnf("%s: accept: %s -- clients wait", h.s, maillog.Strerror(err))
}

// replaceHosted takes what w has for the clients to come. Those who are there stay
// with what they have.
func (s *service) replaceHosted(w *wanted) {
	if s.host == nil {
		if w.hosted == nil {
			return
		}
		s.host = &host{s: s, past: map[*tenant]struct{}{}}
	}
	h := s.host
	if !w.sameHosted {
		old := h.current
		if old != nil && old.clients > 0 {
			h.past[old] = struct{}{}
		}
		h.current = nil
		if w.hosted != nil {
			h.current = &tenant{h: h, hosted: w.hosted, connections: w.host.Connections}
			h.current.done = h.current.ended
			w.host.Names, w.host.Warnf = nil, nil // they hold what the check has read
		}
		old.replaced(w.hosted)
	}
	if h.current == nil {
		h.gate.close() // a process cannot be given those who wait
	}
	h.setPolicy(w.policy)
}

// replaced has t, which may be nil, know that it gets no more clients.
func (t *tenant) replaced(by Hosted) {
	if t == nil {
		return
	}
	if l, ok := t.hosted.(Lasting); ok {
		l.Replaced(by)
	}
}

// shutdown ends all clients. One that ends at once leaves the lists.
func (h *host) shutdown(force bool) {
	list := slices.Collect(maps.Keys(h.past))
	if h.current != nil {
		list = append(list, h.current)
	}
	for _, t := range list {
		t.hosted.Shutdown(force)
	}
}
