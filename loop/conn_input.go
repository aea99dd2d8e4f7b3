// SPDX-License-Identifier: ISC

package loop

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// read reads once. If there is more, the next turn knows, and others have had
// their turn meanwhile.
func (c *Conn) read() {
	b := &c.l.buffers
	if b.scratch == nil {
		b.scratch = make([]byte, scratchSize)
	}
	buf := b.scratch
	if len(c.in) > 0 {
		c.in = b.grow(c.in, leastRead)
		buf = c.in[len(c.in):cap(c.in)]
	}
	c.l.dog.enter(nil) // what the read takes is not the last callback's
	n, err := c.receive(buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil:
		c.Close(os.NewSyscallError("read", err))
	case n == 0:
		c.endOfInput()
	case len(c.in) > 0:
		c.alive()
		c.in = c.in[:len(c.in)+n]
		c.offer(c.in)
	default:
		c.alive()
		c.offer(buf[:n])
	}
}

// offer gives data to the handler, for as long as it makes progress and
// nothing has happened that it should wait for, and keeps the rest.
func (c *Conn) offer(data []byte) {
	for len(data) > 0 && c.state == open && !c.held && !c.full {
		c.feed = data
		in := data[:min(len(data), c.lim.Input)]
		c.l.dog.enter(c.h)
		used := c.h.Data(c, in)
		if used < 0 || used > len(in) {
			panic(fmt.Sprintf("loop: %T used %d bytes of %d", c.h, used, len(in)))
		}
		data = data[used:]
		c.full = c.Queued() > c.lim.Output
		if used == 0 {
			if len(in) == c.lim.Input && c.state == open && !c.held && !c.full {
				c.Close(ErrTooLong)
			}
			break
		}
	}
	c.feed = nil
	if c.state == ended { // detached
		return
	}
	c.keepIn(data)
	if c.full {
		c.want()
	}
}

// keepIn makes data, which may be a part of c.in, what c.in holds.
func (c *Conn) keepIn(data []byte) {
	switch {
	case len(data) == 0:
		c.dropIn()
	case c.in == nil:
		c.in = append(c.l.buffers.get(len(data)), data...)
	default:
		c.in = c.in[:copy(c.in[:cap(c.in)], data)]
	}
}

func (c *Conn) dropIn() {
	if c.in != nil && c.feed == nil { // Data may detach, and look into its input all the same
		c.l.buffers.put(c.in)
	}
	c.in = nil
}

// endOfInput is called when the peer has sent its last.
func (c *Conn) endOfInput() {
	c.eof = true
	if h, ok := c.h.(HalfCloser); ok {
		c.want()
		c.l.dog.enter(c.h)
		h.HalfClosed(c)
		return
	}
	left := len(c.in) > 0
	c.Close(nil)
	if left {
		c.err = io.ErrUnexpectedEOF
	}
}

// takeAgain returns those who have asked for their input before this turn.
func (l *Loop) takeAgain() []*Conn {
	list := l.again
	l.again = l.againSpare[:0]
	return list
}

// feedAgain offers their input to those in list.
func (l *Loop) feedAgain(list []*Conn) {
	for _, c := range list {
		c.isAgain = false
		if c.state == open && len(c.in) > 0 {
			c.offer(c.in)
		}
	}
	clear(list)
	l.againSpare = list
}
