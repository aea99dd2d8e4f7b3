// SPDX-License-Identifier: ISC

package skeleton

import (
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// Policy on when the master should start one more process.
const (
	slowTurn = 20 * time.Millisecond // of requests: whoever is new should find another process
	calmTime = time.Second           // without one, until this process is enough again
)

// quitTime is how long a process that is used up leaves a client, for which
// another process may have been woken, before it looks again.
const quitTime = time.Second

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
	*Clients
	d    *Daemon
	used bool // the master knows that this process is of use

	began  time.Time   // of this turn's requests; zero: there was none
	turned func()      // ends it
	left   func()      // takes the end of a client
	calm   *loop.Timer // set while the master thinks that the process is taken
	quit   *loop.Timer // nil: not used up
}

func newMany(d *Daemon, s Server) *many {
	m := &many{Clients: NewClients(d.Loop, s), d: d}
	m.turned, m.left = m.turnEnded, m.clientLeft
	m.asks, m.asked, m.Emptied = m.requestComes, m.requestCame, m.emptied
	return m
}

// Accepted takes a client.
func (m *many) Accepted(fd int, p loop.Peer) {
	if err := m.Accept(fd, p, m.left); err != nil {
		_ = unix.Close(fd)
		m.d.Log.Errorf("accept connection: %s", maillog.Strerror(err))
		if m.Len() == 0 {
			m.alone()
		}
	}
}

// requestComes is called before every request.
func (m *many) requestComes() {
	if m.began.IsZero() {
		m.began = time.Now()
		m.d.Loop.Later(m.turned)
	}
}

// requestCame is called behind it.
func (m *many) requestCame() {
	if !m.used {
		m.used = true
		m.d.status.say(proto.Taken)
		m.say(proto.Available)
	}
}

// clientLeft takes the end of a client, which counts as one use of the process.
func (m *many) clientLeft() {
	if m.d.Log.Verbose > 0 {
		m.d.Log.Debugf("connection closed")
	}
	m.d.uses++
}

// emptied is called when the last client has left.
func (m *many) emptied() {
	if !m.d.ended() {
		m.alone()
	}
}

// alone decides what becomes of a process without clients.
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
	for _, ln := range m.d.listeners {
		ln.Stop()
	}
	m.Leave(m.d.Params.DrainTime)
}

// stop stops what could still call back. Connections end with the process.
func (m *many) stop() {
	if m == nil {
		return
	}
	m.calm.Stop()
	m.quit.Stop()
	m.Clients.stop()
}
