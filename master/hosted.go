// SPDX-License-Identifier: ISC

package master

import (
	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
)

// Hosted is a service in master's own process: instead of starting a process
// that accepts, master accepts and calls back.
type Hosted interface {
	// Accepted takes over the descriptor of a client, which is blocking and
	// close-on-exec. It is called at most as often as the process limit
	// allows clients at once; every call is answered by one call of
	// Host.Done, in this turn or later.
	Accepted(fd int, p loop.Peer)

	// Shutdown ends what still runs, because master is ending: at once if
	// force, else with a chance to finish. A reload never calls it; a service
	// that was removed or replaced finishes its clients by itself.
	Shutdown(force bool)
}

// Host is what a hosted service is given to live on.
type Host struct {
	Loop    *loop.Loop
	Log     *maillog.Logger // with the service's tag
	Service *cfg.Service
	Main    *cfg.Main // with the service's -o overrides applied
	Params  *cfg.Params
	Env     []string // the cleaned environment that processes get
	Names   Names

	// Done says that the client of one Accepted is finished. It is nil while
	// the configuration is only checked.
	Done func()
	// Failed says that a client could not be served for lack of something,
	// as fork(2) fails, and has master throttle the service.
	Failed func(err error)
}

// Names answers which numbers belong to a name. An answer may need to be
// waited for: ErrPending then has to be returned as it is, and the same
// question comes again with the answer at hand.
type Names interface {
	User(name string) (User, error)
	Group(name string) (Group, error)
}

// HostFunc checks a service's arguments and makes it, without any effect yet:
// a reload that fails in another place forgets it again. Errors are *cfg.Error
// or text for the service's line.
type HostFunc func(h *Host) (Hosted, error)

// host counts the clients of a hosted service, across every reload.
type host struct {
	s       *service
	current Hosted   // nil: a reload has given the service to processes
	past    []Hosted // replaced by a reload, clients may remain
}

// isHosted reports whether the next client of s is master's own.
func (s *service) isHosted() bool { return s.host != nil && s.host.current != nil }

// accepted hands a client on. The rule that limits processes limits clients.
func (h *host) accepted(fd int, p loop.Peer) {
	h.s.total++
	h.s.enforce() // before the call, which may end the client at once
	h.s.used()
	h.current.Accepted(fd, p)
}

// done takes the end of a client.
func (h *host) done() {
	h.s.total--
	if h.s.total == 0 {
		clear(h.past)
		h.past = h.past[:0]
	}
	h.s.enforce()
	if h.s.stopping && h.s.total == 0 {
		h.s.gone()
	}
	h.s.m.checkStopped()
}

// failed throttles the service.
func (h *host) failed(err error) {
	if h.s.stopping || h.s.m.stopping {
		return
	}
	h.s.m.log.Warnf("master_spawn: fork: %s -- throttling", maillog.Strerror(err))
	h.s.throttle()
}

// trouble reports that no client can be accepted for now, and with nil that
// this is over; the loop tries again by itself.
func (h *host) trouble(err error) {
	if err == nil {
		h.s.m.log.Infof("service %q (%s): accepting clients again", h.s.spec.Name, h.s.key.name)
		return
	}
	h.s.m.log.Warnf("service %q (%s): accept: %s -- clients wait", h.s.spec.Name, h.s.key.name, maillog.Strerror(err))
}

// replace takes the service of a new configuration for the clients to come.
func (h *host) replace(next Hosted) {
	if h.current != nil && h.s.total > 0 {
		h.past = append(h.past, h.current)
	}
	h.current = next
}

// shutdown ends all clients.
func (h *host) shutdown(force bool) {
	for _, p := range h.past {
		p.Shutdown(force)
	}
	if h.current != nil {
		h.current.Shutdown(force)
	}
}
