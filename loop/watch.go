// SPDX-License-Identifier: ISC

package loop

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Ready says what can be done with a descriptor without waiting.
type Ready uint8

// The two sides of a descriptor. A hang-up or an error counts as both, so
// that the next read or write finds it.
const (
	Readable Ready = 1 << iota
	Writable
)

// exclusive is a third bit of what a Listener wants: of several processes that
// watch the same socket, one is to be woken for one client. A backend that
// cannot do that ignores it.
const exclusive Ready = 1 << 7

func (r Ready) String() string {
	return [...]string{"nothing", "readable", "writable", "readable and writable"}[r&(Readable|Writable)]
}

// Watch is a descriptor's registration with the loop, which reads and writes
// nothing by itself: for what Conn and Listener do not do.
type Watch struct {
	l       *Loop
	f       func(Ready)
	conn    *Conn  // instead of f
	fd      int    // -1 once stopped
	turn    uint64 // in which it began, or has wanted nothing: its events are not ours
	want    Ready  // what the owner asks for
	asked   Ready  // what the kernel was asked for
	changed bool   // it is in l.changed
	ours    bool   // the loop's own, not counted in Stats
	id      identity
}

// Watch calls f with what fd is ready for, once in every turn that finds it
// so, as long as it is so. Any descriptor will do: one that was inherited, a
// listening socket that others accept from, a pipe, a datagram socket. A
// regular file is always ready, as poll(2) has it.
//
// The descriptor stays the caller's, who must call Stop before closing it.
// One that is closed or watched already is an error.
func (l *Loop) Watch(fd int, want Ready, f func(Ready)) (*Watch, error) {
	w := &Watch{f: f}
	if err := l.register(w, fd, want); err != nil {
		return nil, err
	}
	return w, nil
}

func (l *Loop) register(w *Watch, fd int, want Ready) error {
	l.owner.check()
	if l.closed {
		return ErrClosed
	}
	if fd < 0 {
		return fmt.Errorf("watch descriptor %d: %w", fd, unix.EBADF)
	}
	if fd < len(l.watches) && l.watches[fd] != nil {
		return fmt.Errorf("watch descriptor %d: watched already", fd)
	}
	var err error
	if want != 0 {
		err = l.poller.set(fd, 0, want)
	} else if _, e := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); e != nil {
		err = os.NewSyscallError("fcntl", e)
	}
	if err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	if fd >= len(l.watches) {
		l.watches = append(l.watches, make([]*Watch, fd+1-len(l.watches))...)
	}
	w.l, w.fd, w.turn, w.want, w.asked = l, fd, l.turn, want, want
	w.id.take(fd)
	l.watches[fd] = w
	l.watching++
	return nil
}

// Want changes what is watched for; nothing at all is allowed, and costs
// nothing while it lasts. The kernel is told before the next wait, so what is
// changed and changed back within a turn makes no system call. After nothing at
// all, what this turn's wait has found is not reported any more: it may be over.
func (w *Watch) Want(r Ready) {
	if w.want == r || w.fd < 0 {
		return
	}
	w.l.owner.check()
	w.want = r
	if r == 0 {
		w.turn = w.l.turn
	}
	if !w.changed {
		w.changed = true
		w.l.changed = append(w.l.changed, w)
	}
}

// Stop ends the watching at once: f is not called again, not even for what
// this turn's wait has found. It must come before the descriptor is closed; a
// child between its birth and its exec holds a copy of every descriptor, and
// until then the kernel would go on reporting the one that was closed, under
// a number that may be another's by now.
func (w *Watch) Stop() {
	if w == nil || w.fd < 0 {
		return
	}
	l := w.l
	l.owner.check()
	w.id.verify(w.fd)
	if w.asked != 0 {
		// It fails if the descriptor is gone, and then there is nothing to forget.
		_ = l.poller.set(w.fd, w.asked, 0)
	}
	l.watches[w.fd] = nil
	l.watching--
	if w.ours {
		l.ours--
	}
	w.fd, w.want, w.asked = -1, 0, 0
}

// apply tells the kernel what has changed since the last wait. What it cannot
// take for want of memory stays for the next turn, which is not put off for
// long.
func (l *Loop) apply() (short bool) {
	kept := l.changed[:0]
	for _, w := range l.changed {
		if w.fd >= 0 && w.want != w.asked {
			if err := l.poller.set(w.fd, w.asked, w.want); err != nil {
				if !isShortage(err) {
					panic(fmt.Sprintf("loop: descriptor %d was closed before its Watch was stopped: %v", w.fd, err))
				}
				if (w.asked|w.want)&exclusive != 0 {
					w.asked = 0 // such a change takes two calls, of which the first has worked
				}
				kept = append(kept, w)
				continue
			}
			w.asked = w.want
		}
		w.changed = false
	}
	clear(l.changed[len(kept):])
	l.changed = kept
	return len(kept) > 0
}

// deliver hands out what the wait has found, to those who were registered
// before it, and have wanted something ever since: a descriptor closed and opened
// again meanwhile is another one.
func (l *Loop) deliver(events []event) {
	l.events += uint64(len(events))
	for _, e := range events {
		if e.fd >= len(l.watches) {
			continue
		}
		w := l.watches[e.fd]
		if w == nil || w.turn == l.turn {
			continue
		}
		r := e.ready & w.want
		switch {
		case r == 0:
		case w.conn != nil:
			w.conn.ready(r)
		default:
			l.dog.enter(w.f)
			w.f(r)
		}
	}
}
