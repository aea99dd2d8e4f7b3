// SPDX-License-Identifier: ISC

package loop

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Handler is the program's side of a connection: what is done with its input, and
// with its end. One Handler may serve many connections, if it keeps no state of
// any of them.
type Handler interface {
	// Data is called with what has come in and not been used, and returns how
	// much of it it has used; again while it makes progress, and with more
	// when more comes. in is valid only now. It holds Limits.Input bytes at
	// the most: what cannot be used by then ends the connection with
	// ErrTooLong.
	Data(c *Conn, in []byte) (used int)

	// Closed is called once, last, when the descriptor is closed, and never
	// from inside another callback. err is nil when the peer simply left or
	// Close(nil) was called, io.ErrUnexpectedEOF when the peer left with a
	// part of a request unused.
	Closed(c *Conn, err error)
}

// HalfCloser is a Handler that goes on after the peer has sent all it has to
// send. Without it the end of input ends the connection, once the output is
// sent.
type HalfCloser interface {
	Handler

	// HalfClosed is called once, when all input has been given to Data. The
	// connection goes on until Close.
	HalfClosed(c *Conn)
}

// Limits bound what a peer can make us hold.
type Limits struct {
	// Idle is how long nothing may move in either direction before the
	// connection ends with ErrIdle; 0: for ever. What waits when the time is
	// up, because the loop was busy, counts as having moved.
	Idle time.Duration

	// Input is the most that may lie unused, 0 for DefaultInput: the
	// connection ends with ErrTooLong. Output is how much may wait to be
	// sent before reading pauses, 0 for DefaultOutput.
	Input, Output int
}

// Bytes that Limits stand for where they are 0.
const (
	DefaultInput  = 64 << 10
	DefaultOutput = 64 << 10
)

// Conn is a connection with its input, its queued output and its end. Its methods
// may be called until Closed has been, whatever has become of the peer.
type Conn struct {
	l     *Loop
	h     Handler
	lim   Limits
	watch Watch
	idle  *Timer

	in   []byte // not used by Data; from l.buffers, nil when there is none
	feed []byte // the same while Data runs, wherever it lies
	out  []byte // from l.buffers, nil when there is none
	sent int    // of out

	err     error // what Closed will be told
	state   connState
	held    bool // reading waits for Again
	eof     bool // no input will come
	full    bool // reading waits for output to be sent
	isDirty bool // in l.dirty
	isAgain bool // in l.again
	//lint:ignore U1000 not every system asks
	plain bool // no socket: see receive
}

// connState only ever grows.
type connState uint8

const (
	open     connState = iota
	draining           // it ends when the output is sent
	ending             // it ends when the turn does
	ended
)

// Conn makes a connection of fd, a stream socket, a pipe or a terminal, and
// owns it from then on unless there is an error. It is made non-blocking. The
// writing end of a pipe has no input, and only a write finds that its reader
// has gone; a Write to the reading end is an error of the connection.
func (l *Loop) Conn(fd int, h Handler, lim Limits) (*Conn, error) {
	if lim.Input <= 0 {
		lim.Input = DefaultInput
	}
	if lim.Output <= 0 {
		lim.Output = DefaultOutput
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_NONBLOCK == 0 {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_NONBLOCK)
	}
	if err != nil {
		return nil, fmt.Errorf("connection on descriptor %d: %w", fd, os.NewSyscallError("fcntl", err))
	}
	c := &Conn{l: l, h: h, lim: lim, eof: flags&unix.O_ACCMODE == unix.O_WRONLY}
	c.watch.conn = c
	if err := l.register(&c.watch, fd, c.wants()); err != nil {
		return nil, err
	}
	l.conns++
	if lim.Idle > 0 {
		c.idle = l.After(lim.Idle, c.expired)
	}
	return c, nil
}

// Peer is the other end.
func (c *Conn) Peer() Peer { return PeerOf(c.watch.fd) }

// FD is the descriptor, which stays the connection's.
func (c *Conn) FD() int { return c.watch.fd }

// Write queues a copy of b, to be sent when the turn ends. It makes no system
// call, cannot fail and calls nothing back. After Close it does nothing.
func (c *Conn) Write(b []byte) {
	c.l.owner.check()
	if c.state != open || len(b) == 0 {
		return
	}
	if c.out == nil {
		c.out = c.l.buffers.get(len(b))
	}
	c.out = append(c.l.buffers.grow(c.out, len(b)), b...)
	c.touch()
}

// Queued is how much of what was written has not been sent.
func (c *Conn) Queued() int { return len(c.out) - c.sent }

// Unused is a copy of the input that Data has been given and not used, all of
// in included when Data itself asks.
func (c *Conn) Unused() []byte {
	if c.feed != nil {
		return append([]byte(nil), c.feed...)
	}
	return append([]byte(nil), c.in...)
}

// Close ends the connection when the turn ends; with err nil, once the output
// is sent, for which Limits.Idle is given after every step, or half a minute
// where that is for ever. It undoes Hold. Data is not called any more. A call with an error may follow one with nil, and gives up what
// has not been sent; otherwise only the first counts.
func (c *Conn) Close(err error) {
	c.l.owner.check()
	next := draining
	if err != nil {
		next = ending
	}
	if c.state >= next {
		return
	}
	c.state, c.err = next, err
	c.held = false // nobody waits for an answer any more, and the clock must run
	c.alive()
	c.touch()
}

// Hold stops reading and the idle clock until Again: the answer to what Data
// left unused takes a while. That the peer has gone meanwhile is not noticed
// before then.
func (c *Conn) Hold() {
	c.l.owner.check()
	if c.state != open || c.held {
		return
	}
	c.held = true
	c.idle.Stop()
	c.want()
}

// Again has Data called in the next turn with what it left unused, if there
// is any, and undoes Hold. Whoever completes an answer that took a while
// writes it, and calls this.
func (c *Conn) Again() {
	c.l.owner.check()
	if c.state != open {
		return
	}
	if c.held {
		c.held = false
		c.alive()
		c.want()
	}
	if !c.isAgain {
		c.isAgain = true
		c.l.again = append(c.l.again, c)
	}
}

// Detach gives the descriptor to the caller, non-blocking as it is, and
// forgets the connection: Closed is not called, what was queued and not sent
// is dropped, and what was read is not unread: the caller takes it from in, or
// from Unused, or chooses a moment when there is none. It returns -1 when the
// connection has ended.
func (c *Conn) Detach() (fd int) {
	c.l.owner.check()
	if c.state == ended {
		return -1
	}
	return c.release()
}

// release undoes what Conn did, and returns the descriptor.
func (c *Conn) release() (fd int) {
	fd = c.watch.fd
	c.state = ended
	c.idle.Stop()
	c.watch.Stop() // first this, then close
	c.l.conns--
	c.dropIn()
	c.dropOut()
	return fd
}

// finish closes the descriptor and says so.
func (c *Conn) finish(err error) {
	_ = unix.Close(c.release()) // whatever it says, the descriptor is gone
	c.l.dog.enter(c.h)
	c.h.Closed(c, err)
}

// touch has the connection settled when the turn ends.
func (c *Conn) touch() {
	if !c.isDirty {
		c.isDirty = true
		c.l.dirty = append(c.l.dirty, c)
	}
}

// reads reports whether input is wanted.
func (c *Conn) reads() bool { return c.state == open && !c.held && !c.eof && !c.full }

// wants is what the connection waits for.
func (c *Conn) wants() (r Ready) {
	if c.reads() {
		r |= Readable
	}
	if c.Queued() > 0 && c.state < ending {
		r |= Writable
	}
	return r
}

// want brings what the kernel is asked for up to date.
func (c *Conn) want() { c.watch.Want(c.wants()) }

// ready is called with what the wait has found.
func (c *Conn) ready(r Ready) {
	if r&Writable != 0 {
		c.touch()
	}
	// Input that Data is about to be given comes before what follows it, and
	// the end of input would end the connection. The next turn finds it again.
	if waits := c.isAgain && len(c.in) > 0; r&Readable != 0 && c.reads() && !waits {
		c.read()
	}
}
