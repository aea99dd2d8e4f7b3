// SPDX-License-Identifier: ISC

package loop

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// settle sends what this turn's callbacks have queued, one write for each
// connection, and ends those that are to end. What Closed asks for, on other
// connections, is settled in the next turn.
func (l *Loop) settle() {
	l.dog.enter(nil) // what the writes take is no callback's fault
	list := l.dirty
	l.dirty = l.dirtySpare[:0]
	for _, c := range list {
		c.isDirty = false
		if c.state != ended {
			c.settle()
		}
	}
	clear(list)
	l.dirtySpare = list
}

func (c *Conn) settle() {
	if c.state < ending && c.Queued() > 0 {
		c.send()
	}
	if c.state == ending || c.state == draining && c.Queued() == 0 {
		c.finish(c.err)
		return
	}
	if c.state == draining && c.idle == nil {
		c.lim.Idle = drainIdle
		c.idle = c.l.After(drainIdle, c.expired)
	}
	if c.full && c.Queued() <= c.lim.Output/2 {
		// Half, or reading would be turned off and on with every reply.
		c.full = false
		if len(c.in) > 0 && !c.held {
			c.Again()
		}
	}
	c.full = c.full || c.Queued() > c.lim.Output
	c.want()
}

// send writes as much of the queue as the peer takes.
func (c *Conn) send() {
	n, err := c.transmit(c.out[c.sent:])
	switch {
	case err == nil:
		c.sent += n
		c.alive()
		if c.Queued() == 0 {
			c.dropOut()
		} else if c.sent >= len(c.out)/2 { // or the queue would only ever grow
			c.out = c.out[:copy(c.out, c.out[c.sent:])]
			c.sent = 0
		}
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default:
		if c.err == nil {
			c.err = os.NewSyscallError("write", err)
		}
		c.state = ending
	}
}

func (c *Conn) dropOut() {
	if c.out != nil {
		c.l.buffers.put(c.out)
		c.out, c.sent = nil, 0
	}
}
