// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"time"

	"postloop/loop"
)

// Server serves the clients of a daemon that takes many at a time.
type Server interface {
	// Connected begins a conversation, and says what it may cost.
	Connected(p loop.Peer) (Session, loop.Limits)
}

// Session is the conversation with one of many clients.
type Session interface {
	loop.Handler

	// Opened is called first.
	Opened(c *loop.Conn)

	// Leave says that the service is about to end, which waits for this client:
	// what it has asked is to be answered, and then its connection closed.
	Leave()
}

// Clients are those of a Server, each on a connection of the loop. They are the
// same in a daemon and in a master that hosts the service.
type Clients struct {
	loop   *loop.Loop
	server Server
	all    map[*client]struct{}
	drain  *loop.Timer // nil: not leaving

	// For a daemon: called before a session is given input, and when that has
	// used some of it.
	asks, asked func()
	// Emptied, which may be nil, is called when the last client has left.
	Emptied func()
}

// NewClients returns what has no client yet.
func NewClients(l *loop.Loop, s Server) *Clients {
	return &Clients{loop: l, server: s, all: map[*client]struct{}{}}
}

// client is one of them.
type client struct {
	cs   *Clients
	s    Session
	c    *loop.Conn
	done func()
}

// errLeft is why a connection ends that was not done in time.
var errLeft = errors.New("the service ends")

// Accept begins a conversation with the client on fd, which is the
// connection's from then on. done is called when it has ended, and its
// descriptor is closed. After an error fd is as it was, and the caller's.
func (cs *Clients) Accept(fd int, p loop.Peer, done func()) error {
	s, limits := cs.server.Connected(p)
	k := &client{cs: cs, s: s, done: done}
	var err error
	if k.c, err = cs.loop.Conn(fd, k, limits); err != nil {
		return err
	}
	cs.all[k] = struct{}{}
	s.Opened(k.c)
	return nil
}

// Data is the session's. Whatever is used up is a request, or part of one.
func (k *client) Data(c *loop.Conn, in []byte) (used int) {
	cs := k.cs
	if cs.asks != nil {
		cs.asks()
	}
	used = k.s.Data(c, in)
	if used > 0 && cs.asked != nil {
		cs.asked()
	}
	return used
}

// Closed is the session's.
func (k *client) Closed(c *loop.Conn, err error) {
	cs := k.cs
	k.s.Closed(c, err)
	delete(cs.all, k)
	k.done()
	if len(cs.all) == 0 {
		cs.drain.Stop()
		if cs.Emptied != nil {
			cs.Emptied()
		}
	}
}

// Len is how many there are.
func (cs *Clients) Len() int { return len(cs.all) }

// Leave ends all conversations, each when its answers are given, and after the
// time limit those that are left. Only the first call counts.
func (cs *Clients) Leave(limit time.Duration) {
	if cs.drain != nil || len(cs.all) == 0 {
		return
	}
	cs.drain = cs.loop.After(limit, cs.Close)
	for k := range cs.all {
		k.s.Leave()
	}
}

// Close ends all conversations when the turn ends.
func (cs *Clients) Close() {
	for k := range cs.all {
		k.c.Close(errLeft)
	}
}

// stop stops what could still call back. The connections stay as they are.
func (cs *Clients) stop() { cs.drain.Stop() }
