// SPDX-License-Identifier: ISC

package master

import (
	"math"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// nextBatch is how many of those who wait are served in one turn. That many
// places rarely become free at once, but commands that fail at once leave
// theirs at once, and a reload can make any number.
const nextBatch = 16

// waitersBelow returns the number that the descriptors of those who wait stay
// below, given the limit of open files. They may take the most of them: who
// is served takes none. But without any, no service could accept a client or
// start a process, and no configuration could be read.
func waitersBelow(files unix.Rlimit) int { return int(min(files.Cur-files.Cur/4, math.MaxInt32)) }

// wait puts c at the end of the queue.
func (g *gate) wait(c *guest) {
	g.waiting.push(c)
	g.h.s.m.seat(1)
	c.attend()
	g.setQueueTimer()
}

// attend has the loop say when c hangs up. Without room for that it is found
// out when c's turn comes.
func (c *guest) attend() {
	c.watch, _ = c.g.h.s.m.loop.Watch(c.fd, loop.Readable, c.stirred)
}

// stirred finds out whether c has hung up or sent something. The latter is for
// who will serve it, and no more attention is paid to it then.
func (c *guest) stirred(loop.Ready) {
	if !hungUp(c.fd, !c.from.addr.IsValid()) {
		c.watch.Want(0)
		return
	}
	c.leave()
	c.g.h.s.enforce()
}

// leave ends a client that waits.
func (c *guest) leave() {
	c.g.forget(c)
	unix.Close(c.fd)
}

// forget takes c, who will not be served, out of the queue. Its descriptor is
// the caller's to close.
func (g *gate) forget(c *guest) {
	g.remove(c)
	g.count(c, -1)
}

// remove takes c out of the queue, with its descriptor untouched.
func (g *gate) remove(c *guest) {
	g.waiting.remove(c)
	g.h.s.m.seat(-1)
	c.watch.Stop() // first this: the descriptor is about to be passed on, or closed
	c.watch = nil
	if g.waiting.n == 0 {
		g.setQueueTimer()
	}
}

// next serves those who wait as far as there are places. It is called after
// every change that can make one.
func (g *gate) next() {
	if g == nil || g.turning {
		return
	}
	g.turning = true // serving a client may end it, which makes a place
	for n := 0; g.waiting.n > 0 && g.h.s.mayServe(); n++ {
		if n == nextBatch {
			g.putOff()
			break
		}
		c := g.waiting.first
		if hungUp(c.fd, !c.from.addr.IsValid()) {
			c.leave()
			continue
		}
		g.remove(c)
		g.serve(c)
	}
	g.turning = false
	g.settle()
}

// putOff goes on with the queue in the next turn.
func (g *gate) putOff() {
	if g.later {
		return
	}
	g.later = true
	g.h.s.m.loop.Later(func() {
		g.later = false
		g.h.s.enforce()
	})
}

// mayServe reports whether a client that waits can be served now.
func (s *service) mayServe() bool {
	return s.isHosted() && s.hasRoom() && !s.stopping && !s.throttled && !s.paused && !s.host.gate.holds()
}

// setQueueTimer sets the timer for the one who has waited the longest time.
// That one may have left when it fires.
func (g *gate) setQueueTimer() {
	switch {
	case g.waiting.n == 0 || !g.queues():
		g.queue.Stop()
		g.queue = nil
	case g.queue == nil:
		g.queue = g.h.s.m.loop.After(g.waiting.first.since+g.policy.QueueTime-g.now(), g.expired)
	}
}

// expired refuses those who have waited for too long.
func (g *gate) expired() {
	g.queue = nil
	for now := g.now(); g.waiting.n > 0 && now-g.waiting.first.since >= g.policy.QueueTime; {
		c := g.waiting.first
		g.forget(c)
		g.refuse(c.fd, c.from, tooLong)
	}
	g.setQueueTimer()
}

// dismiss sends away all who wait.
func (g *gate) dismiss() {
	n := g.waiting.n
	for g.waiting.n > 0 {
		c := g.waiting.first
		g.forget(c)
		g.policy.dismiss(c.fd)
	}
	if n > 0 {
		g.h.s.log().Infof("%s: %d client(s) that waited have been sent away", g.h.s, n)
	}
}
