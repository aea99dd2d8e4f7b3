// SPDX-License-Identifier: ISC

package master

import (
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// How many refused clients of a service the log tells about, in how much time;
// of the others it has the number.
const (
	refusalLines    = 20
	refusalInterval = 60 * time.Second
)

// refusals keeps count of the lines about refused clients.
type refusals struct {
	since  time.Duration
	logged int
	more   int
	timer  *loop.Timer // nil: nothing was left out
}

// refuse ends a client that is not let in.
func (g *gate) refuse(fd int, from origin, v verdict) {
	g.h.s.past().Refused++
	if g.worthALine() {
		g.h.s.log().Warnf("%s: refused client %s: %s", g.h.s, from, g.policy.explain(v, from, g.h.s.limitReached()))
	}
	g.policy.dismiss(fd)
}

// worthALine counts a refusal, and reports whether the log should have it.
func (g *gate) worthALine() bool {
	r := &g.refusals
	now := g.now()
	if r.timer == nil && now-r.since >= refusalInterval {
		r.since, r.logged = now, 0
	}
	if r.logged < refusalLines {
		r.logged++
		return true
	}
	if r.more++; r.timer == nil {
		r.timer = g.h.s.m.loop.After(r.since+refusalInterval-now, g.refusalsOver)
	}
	return false
}

// refusalsOver ends an interval in which refusals were left out of the log.
func (g *gate) refusalsOver() {
	g.reportRefusals()
	g.settle()
}

func (g *gate) reportRefusals() {
	r := &g.refusals
	r.timer.Stop()
	if r.more > 0 {
		g.h.s.log().Warnf("%s: refused %d more clients within %s", g.h.s, r.more, (g.now() - r.since).Round(time.Second))
	}
	*r = refusals{since: g.now() - refusalInterval}
}

// dismiss gives the client on fd what refused clients get, and closes fd. It
// neither waits nor reads, whatever the client does.
func (p *policy) dismiss(fd int) {
	switch {
	case p == nil:
	case p.Refuse.Reset:
		// On a socket that has no such thing it is a close like any other.
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	case len(p.answer) > 0:
		_ = unix.Sendto(fd, p.answer, unix.MSG_DONTWAIT, nil)
		// Where the client has sent something, closing alone would be a reset,
		// and that can overtake the answer in the client's system.
		_ = unix.Shutdown(fd, unix.SHUT_WR)
	}
	unix.Close(fd)
}
