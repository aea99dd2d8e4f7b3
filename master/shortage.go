// SPDX-License-Identifier: ISC

package master

import (
	"time"

	"postloop/loop"
	"postloop/master/maillog"
)

// shortageFirst is how long it takes until the first new attempt to make a
// process where none could be made; then it is twice as long each time, up to
// service_throttle_time.
const shortageFirst = time.Second

// shortage is the state of a service for which no process can be made: there
// are too many, or too little memory or too few descriptors. It is nobody's
// fault, passes, and no reason to send a client away.
type shortage struct {
	warned bool          // the log knows
	holds  bool          // nobody is served until timer fires
	calm   bool          // it is over when timer fires
	delay  time.Duration // that was waited the last time
	timer  *loop.Timer
}

// holds reports whether nobody is served for now, nor accepted.
func (g *gate) holds() bool { return g != nil && g.shortage.holds }

// hold keeps c, for whom no process could be made, in front of all who wait.
func (g *gate) hold(c *guest, err error) {
	sh, s := &g.shortage, g.h.s
	g.h.gate = g // it may have had nothing to do until now
	g.waiting.pushFront(c)
	s.m.seat(1)
	c.attend()
	g.setQueueTimer()
	sh.delay = min(max(shortageFirst, 2*sh.delay), max(shortageFirst, s.m.params.ThrottleTime))
	sh.timer.Stop() // it may be about to say that all is well
	sh.timer = s.m.loop.After(sh.delay, g.try)
	sh.holds, sh.calm = true, false
	if !sh.warned {
		sh.warned = true
		call, _ := s.lacks()
		s.log().Warnf("%s: %s: %s -- clients wait, next try in %s", s, call, maillog.Strerror(err), sh.delay)
	}
	s.enforce()
}

// try serves the first of those who wait again, or whoever comes.
func (g *gate) try() {
	g.shortage.holds = false
	g.h.s.enforce()
}

// retry has the next attempt come at once, and others soon.
func (g *gate) retry() {
	if g.holds() {
		g.shortage.timer.Stop()
		g.shortage.delay, g.shortage.holds = 0, false
	}
}

// worked takes note that a process could be made. That is not the end of it:
// where one is made whenever another leaves, it would end and begin with each
// of them. It has to be well for as long as the last wait was.
func (g *gate) worked() {
	sh := &g.shortage
	if !sh.warned || sh.calm {
		return
	}
	sh.timer = g.h.s.m.loop.After(max(shortageFirst, sh.delay), g.well)
	sh.calm, sh.delay = true, 0
}

// well ends a shortage.
func (g *gate) well() {
	g.shortage.end()
	call, again := g.h.s.lacks()
	g.h.s.log().Infof("%s: %s: %s can be made again", g.h.s, call, again)
	g.settle()
}

// lacks names the call that fails in a shortage, and what it makes.
func (s *service) lacks() (call, made string) {
	if s.hasConnections() {
		return "accept", "connections"
	}
	return "fork", "processes"
}

func (sh *shortage) end() {
	sh.timer.Stop()
	*sh = shortage{}
}
