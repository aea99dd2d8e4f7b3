// SPDX-License-Identifier: ISC

package loop

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// acceptBatch is how many connections a listener takes in one turn. Without a
// bound a busy one would never let the loop see that children have ended.
const acceptBatch = 16

// How long a listener waits after an accept that failed for want of
// descriptors or memory; twice as long each time, up to the last.
const (
	troubleFirst = 50 * time.Millisecond
	troubleLast  = time.Second
)

// Socket returns a new socket as a loop wants its descriptors: not blocking, and
// closed in the programs that are started. family and typ are those of socket(2);
// the socket is the caller's.
func Socket(family, typ int) (fd int, err error) {
	if fd, err = socket(family, typ); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return fd, nil
}

// Listener accepts connections, a bounded number in each turn, so that many
// clients at once do not keep everything else waiting.
type Listener struct {
	l        *Loop
	w        *Watch
	fd       int
	accept   func(fd int, blocking bool) (int, Peer, error)
	accepted func(fd int, p Peer)
	trouble  func(error)
	retry    *Timer
	delay    time.Duration // of the last retry, until a batch works; 0: all is well
	blocking bool
	paused   bool
	shared   Ready // exclusive, if other processes accept from fd as well
}

// Listen calls accepted for every connection to the listening socket fd,
// whose descriptor then is accepted's to close: close-on-exec, and
// non-blocking unless Blocking was called. fd stays the caller's, who must
// call Stop before closing it; it is made non-blocking.
func (l *Loop) Listen(fd int, accepted func(fd int, p Peer)) (*Listener, error) {
	if err := notListening(unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)); err != nil {
		return nil, fmt.Errorf("listen on descriptor %d: %w", fd, os.NewSyscallError("getsockopt", err))
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("listen on descriptor %d: %w", fd, os.NewSyscallError("fcntl", err))
	}
	ln := &Listener{l: l, fd: fd, accept: accept, accepted: accepted}
	var err error
	if ln.w, err = l.Watch(fd, Readable, ln.ready); err != nil {
		return nil, err
	}
	l.listeners++
	return ln, nil
}

// notListening is the error that the answer to SO_ACCEPTCONN amounts to. Some
// systems do not know the question (macOS, OpenBSD): accept will say it there.
func notListening(on int, err error) error {
	switch {
	case errors.Is(err, unix.ENOPROTOOPT):
		return nil
	case err == nil && on == 0:
		return unix.EINVAL
	}
	return err
}

// Blocking makes the connections accepted from now on blocking, as programs
// expect that have one as their standard input.
func (ln *Listener) Blocking() { ln.blocking = true }

// Exclusive says that other processes watch the same socket for the same
// purpose: of those that wait, the kernel then wakes one for a client, where it
// can (Linux), and not all. One that was woken must accept, or must look, once
// its listener is paused or stopped, whether a client was left: nobody else
// is told of that one.
func (ln *Listener) Exclusive() {
	ln.shared = exclusive
	ln.want()
}

// OnTrouble calls f when accepting fails for a reason that does not lie with
// one client, most often that descriptors have run out, and with nil when it
// works again. Meanwhile the listener tries once in a while.
func (ln *Listener) OnTrouble(f func(err error)) { ln.trouble = f }

// Pause leaves further clients in the queue, those of this turn included.
func (ln *Listener) Pause() {
	ln.paused = true
	ln.want()
}

// Resume undoes Pause.
func (ln *Listener) Resume() {
	ln.paused = false
	ln.want()
}

// Stop ends the accepting at once. The descriptor stays open.
func (ln *Listener) Stop() {
	if ln == nil || ln.w.fd < 0 {
		return
	}
	ln.w.Stop()
	ln.retry.Stop()
	ln.l.listeners--
}

// want asks for clients, or not.
func (ln *Listener) want() {
	if ln.paused || ln.retry != nil && ln.retry.at != 0 {
		ln.w.Want(0)
	} else {
		ln.w.Want(Readable | ln.shared)
	}
}

// ready accepts a batch, as long as nobody says otherwise.
//
// That one accept works does not end a shortage: where clients leave as fast
// as others come it would end, and begin, with each of them.
func (ln *Listener) ready(Ready) {
	var failed error
	works := false
	for range acceptBatch {
		if ln.paused || ln.w.fd < 0 {
			return
		}
		ln.l.dog.enter(nil)
		fd, p, err := ln.accept(ln.fd, ln.blocking)
		switch {
		case err == nil:
			works = true
			ln.l.dog.enter(ln.accepted)
			ln.accepted(fd, p)
		case errors.Is(err, unix.EAGAIN): // others accept from it too
			ln.recovered()
			return
		case isClients(err):
			failed = err
		default:
			ln.backOff(err)
			return
		}
	}
	if works {
		ln.recovered()
	} else {
		ln.backOff(failed) // so many in a row are not the clients' fault
	}
}

// isClients reports whether err is about the one connection that accept would
// have returned.
func isClients(err error) bool {
	for _, e := range [...]unix.Errno{
		unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ECONNRESET, unix.ENETDOWN,
		unix.ENETUNREACH, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENOPROTOOPT, unix.ETIMEDOUT,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// backOff does not ask again for a while: the client stays in the queue, and
// the loop would spin on it.
func (ln *Listener) backOff(err error) {
	first := ln.delay == 0
	ln.delay = max(troubleFirst, min(2*ln.delay, troubleLast))
	if ln.retry == nil {
		ln.retry = ln.l.After(ln.delay, ln.want)
	} else {
		ln.retry.Reset(ln.delay)
	}
	ln.want()
	if first && ln.trouble != nil {
		ln.l.dog.enter(ln.trouble)
		ln.trouble(os.NewSyscallError("accept", err))
	}
}

// recovered ends what backOff began.
func (ln *Listener) recovered() {
	if ln.delay == 0 || ln.w.fd < 0 {
		return
	}
	ln.delay = 0
	ln.retry.Stop()
	if ln.trouble != nil {
		ln.l.dog.enter(ln.trouble)
		ln.trouble(nil)
	}
}
