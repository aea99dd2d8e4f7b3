// SPDX-License-Identifier: ISC

package master

import (
	"net/netip"
	"slices"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// listener is one descriptor of a service's endpoint. Master never reads a
// byte from it, and never makes it blocking: that is a property that all
// processes of the service share.
type listener struct {
	fd     int
	addr   netip.AddrPort // of an inet service
	path   string         // of the others
	rename string         // path that it takes when the transaction succeeds, if not empty

	from *inherited // nil: master has opened it

	watch  *loop.Watch    // served by processes: only learns that somebody is there
	accept *loop.Listener // hosted
}

// enable lets the loop report clients, or stops it from doing so.
func (ln *listener) enable(on bool) {
	switch {
	case ln.watch != nil && on:
		ln.watch.Want(loop.Readable)
	case ln.watch != nil:
		ln.watch.Want(0)
	case ln.accept != nil && on:
		ln.accept.Resume()
	case ln.accept != nil:
		ln.accept.Pause()
	}
}

// close ends the listener. The socket file stays, as with Postfix: a client
// finds a refused connection and not a missing file.
func (ln *listener) close() {
	ln.unregister()
	unix.Close(ln.fd)
}

func (ln *listener) registered() bool { return ln.watch != nil || ln.accept != nil }

func (ln *listener) unregister() {
	if ln.watch != nil {
		ln.watch.Stop()
	}
	if ln.accept != nil {
		ln.accept.Stop()
	}
	ln.watch, ln.accept = nil, nil
}

// register puts on the loop what of s's endpoint is not there yet, idle until
// enforce says so. What the kernel has no room for is left to the next reload:
// other services must not suffer for it.
func (s *service) register() {
	for _, ln := range s.listeners {
		if ln.registered() {
			continue
		}
		if err := s.registerOne(ln); err != nil {
			s.log().Errorf("%s: %s", s, maillog.Strerror(err))
			continue
		}
		ln.enable(s.listening)
	}
}

func (s *service) registerOne(ln *listener) error {
	if s.program == nil {
		if err := unix.SetNonblock(ln.fd, true); err != nil { // it may have been a program's
			return err
		}
	}
	if !s.isHosted() {
		w, err := s.m.loop.Watch(ln.fd, 0, s.knocked)
		if err != nil {
			return err
		}
		ln.watch = w
		return nil
	}
	if s.spec.Type == cfg.Inet {
		// Connections inherit it, which daemons would set themselves: a command
		// that waits for a client which has vanished ends some day.
		_ = unix.SetsockoptInt(ln.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	a, err := s.m.loop.Listen(ln.fd, s.host.accepted)
	if err != nil {
		return err
	}
	a.Blocking()
	a.OnTrouble(s.host.trouble)
	a.Pause()
	ln.accept = a
	return nil
}

func (s *service) unregister() {
	for _, ln := range s.listeners {
		ln.unregister()
	}
	s.listening = false
}

// listensOn returns the listener of s on addr, or nil.
func (s *service) listensOn(addr netip.AddrPort) *listener {
	for _, ln := range s.listeners {
		if ln.addr == addr {
			return ln
		}
	}
	return nil
}

// take gives s the endpoint that w has: what was opened for it, and what s
// has already. Addresses that w no longer has are closed. Clients that wait
// on the others notice nothing. It reports whether anything has changed.
func (s *service) take(w *wanted) (moved bool) {
	if len(w.bound) == 0 && (w.spec.Type != cfg.Inet || len(w.addrs) == len(s.listeners)) {
		return false
	}
	s.unregister()
	next := w.bound
	if w.spec.Type == cfg.Inet {
		next = make([]*listener, 0, len(w.addrs))
		for _, addr := range w.addrs {
			ln := s.listensOn(addr)
			for i := 0; ln == nil; i++ {
				if w.bound[i].addr == addr {
					ln = w.bound[i]
				}
			}
			next = append(next, ln)
		}
	}
	for _, ln := range s.listeners {
		if !slices.Contains(next, ln) {
			ln.close()
		}
	}
	s.listeners, w.bound = next, nil
	for _, ln := range s.listeners {
		if err := ln.settle(); err != nil {
			s.log().Errorf("%s: %s", s, maillog.Strerror(err))
		}
	}
	return true
}

// setBacklog follows a changed process limit: listen(2) may be repeated.
func (s *service) setBacklog(n int) {
	s.backlog = n
	for _, ln := range s.listeners {
		if s.key.typ == cfg.Fifo || s.key.typ == cfg.UnixDgram {
			continue
		}
		if err := unix.Listen(ln.fd, n); err != nil {
			s.log().Warnf("%s: listen: %s", s, maillog.Strerror(err))
		}
	}
}
