// SPDX-License-Identifier: ISC

package master

import (
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// guest is a client whom a gate has let in: it waits for its turn, and later is
// served.
type guest struct {
	g    *gate
	t    *tenant // that serves it; nil while it waits
	from origin
	pid  int // of the process that serves it; 0: there is none, or not yet

	// While it waits.
	fd    int
	peer  loop.Peer
	since time.Duration
	watch *loop.Watch // nil: the loop has no room for it

	prev, next *guest // in the list that it is in
}

// guests is a list to and from which any client goes at once.
type guests struct {
	first, last *guest
	n           int
}

// push puts c at the end.
func (l *guests) push(c *guest) {
	c.prev, c.next = l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
	l.n++
}

// pushFront puts c before all others.
func (l *guests) pushFront(c *guest) {
	c.prev, c.next = nil, l.first
	if l.first == nil {
		l.last = c
	} else {
		l.first.prev = c
	}
	l.first = c
	l.n++
}

// remove takes c out.
func (l *guests) remove(c *guest) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	l.n--
}

// hungUp reports whether nobody can be at the other end of fd any more, and
// has left nothing to read either. Nothing is read to find out.
//
// Over the network a client that has only ended its sending looks like one
// that is gone; one that has sent something before is served in any case.
func hungUp(fd int, local bool) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(p[:], 0); n <= 0 || err != nil {
		return false
	}
	if local && p[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 {
		return false // the two ways of a unix-domain socket are told apart
	}
	n, err := unix.IoctlGetInt(fd, bytesToRead)
	return err == nil && n == 0
}
