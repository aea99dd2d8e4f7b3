// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
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

	// Leave says that the process is about to end, which waits for this client:
	// what it has asked is to be answered, and then its connection closed.
	Leave()
}

// Policy on when the master should start one more process.
const (
	slowTurn = 20 * time.Millisecond // of requests: whoever is new should find another process
	calmTime = time.Second           // without one, until this process is enough again
)

// quitTime is how long a process that is used up leaves a client, for which
// another process may have been woken, before it looks again.
const quitTime = time.Second

// errLeft is why a connection ends that was not done in time.
var errLeft = errors.New("the process ends")

// many is a daemon's work for many clients at a time.
//
// # Taken and available
//
// For Postfix's master a process that is taken is one that does not accept,
// and its multi-server says so around each request, as it does nothing else
// meanwhile. Here a request takes no longer than the turn of the loop it came
// in, and the process accepts in each: it is available. The master is told
// otherwise in two cases only.
//
// With the first request of all, taken and available in one breath: the master
// counts that as a use, and tells by it a process that was of use from one that
// cannot start.
//
// When the requests of one turn have taken long: taken, until no turn has for a
// while. The processor is the limit then, another process has another one, and
// the next client to come makes master start it. This one accepts all the
// same, in case there may be no more processes.
type many struct {
	d       *Daemon
	server  Server
	clients map[*client]struct{}
	used    bool // the master knows that this process is of use

	began  time.Time   // of this turn's requests; zero: there was none
	turned func()      // ends it
	calm   *loop.Timer // set while the master thinks that the process is taken
	quit   *loop.Timer // nil: not used up
	drain  *loop.Timer // nil: not leaving
}

func newMany(d *Daemon, s Server) *many {
	m := &many{d: d, server: s, clients: map[*client]struct{}{}}
	m.turned = m.turnEnded
	return m
}

// client is one of them.
type client struct {
	m *many
	s Session
	c *loop.Conn
}

// Accepted takes a client.
func (m *many) Accepted(fd int, p loop.Peer) {
	s, limits := m.server.Connected(p)
	k := &client{m: m, s: s}
	var err error
	if k.c, err = m.d.Loop.Conn(fd, k, limits); err != nil {
		_ = unix.Close(fd)
		m.d.Log.Errorf("accept connection: %s", maillog.Strerror(err))
		if len(m.clients) == 0 {
			m.alone()
		}
		return
	}
	m.clients[k] = struct{}{}
	s.Opened(k.c)
}

// Data is the session's. Whatever is used up is a request, or part of one.
func (k *client) Data(c *loop.Conn, in []byte) (used int) {
	m := k.m
	if m.began.IsZero() {
		m.began = time.Now()
		m.d.Loop.Later(m.turned)
	}
	used = k.s.Data(c, in)
	if used > 0 && !m.used {
		m.used = true
		m.d.status.say(proto.Taken)
		m.say(proto.Available)
	}
	return used
}

// Closed is the session's, and counts as one use of the process.
func (k *client) Closed(c *loop.Conn, err error) {
	m, d := k.m, k.m.d
	k.s.Closed(c, err)
	if d.Log.Verbose > 0 {
		d.Log.Debugf("connection closed")
	}
	delete(m.clients, k)
	d.uses++
	if len(m.clients) == 0 && !d.ended() {
		m.alone()
	}
}

// alone is called when the last client has left.
func (m *many) alone() {
	d := m.d
	d.busy = false
	switch {
	case d.f.standAlone, d.over:
		d.end(0)
	case d.last, d.Params.MaxUse > 0 && d.uses >= d.Params.MaxUse:
		m.usedUp()
	case d.idle != nil:
		d.idle.Reset(d.Params.MaxIdle)
	}
}

// usedUp ends the process, unless a client has come in this very moment: if
// that one woke this process, it woke no other.
func (m *many) usedUp() {
	d := m.d
	switch {
	case d.busy || d.ended():
	case !d.knocked():
		d.end(0)
	case m.quit == nil:
		m.quit = d.Loop.After(quitTime, m.usedUp)
	default:
		m.quit.Reset(quitTime)
	}
}

// turnEnded is called behind the requests of a turn.
func (m *many) turnEnded() {
	took := time.Since(m.began)
	m.began = time.Time{}
	switch {
	case took < slowTurn || m.d.ended() || m.d.over:
	case m.calm == nil:
		m.calm = m.d.Loop.After(calmTime, m.calmed)
		m.d.status.say(proto.Taken)
	case m.calm.Left() == 0:
		m.calm.Reset(calmTime)
		m.d.status.say(proto.Taken)
	default:
		m.calm.Reset(calmTime)
	}
}

// calmed is called when the process has been quick for a while.
func (m *many) calmed() { m.say(proto.Available) }

// say tells the master, and leaves when it does not hear.
func (m *many) say(avail int32) {
	if !m.d.status.say(avail) {
		m.d.leave("master disconnect")
	}
}

// leave ends all conversations, each when its answers are given, and then the
// process. It accepts no more: whoever knocks now is for its successors.
func (m *many) leave() {
	d := m.d
	if m.drain != nil || len(m.clients) == 0 {
		return
	}
	for _, ln := range d.listeners {
		ln.Stop()
	}
	m.drain = d.Loop.After(d.Params.DrainTime, m.drained)
	for k := range m.clients {
		k.s.Leave()
	}
}

// drained is called when that has taken too long.
func (m *many) drained() {
	for k := range m.clients {
		k.c.Close(errLeft)
	}
}

// stop stops what could still call back. Connections end with the process.
func (m *many) stop() {
	if m == nil {
		return
	}
	m.calm.Stop()
	m.quit.Stop()
	m.drain.Stop()
}
