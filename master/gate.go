// SPDX-License-Identifier: ISC

package master

import (
	"time"

	"postloop/loop"
)

// gate stands between the endpoint of a hosted service and the service. Most
// services have none: it is made for a policy, and when a client has to wait
// because no process can be made for it.
type gate struct {
	h      *host
	epoch  time.Time // that times are counted from
	policy *policy   // nil: whoever comes is let in

	served  guests // through this gate, whatever the policy was then
	waiting guests
	counts  map[source]int // of both, if the policy limits that

	rates   rates
	aging   *loop.Timer // of rates; set while there are any
	queue   *loop.Timer // when the first of waiting has waited too long, or earlier
	turning bool        // next is running ...
	later   bool        // ... or has been put off to the next turn

	shortage shortage
	refusals refusals
}

// openGate returns h's gate, which is made if there is none.
func (h *host) openGate() *gate {
	if h.gate == nil {
		h.gate = &gate{h: h, epoch: h.s.m.loop.Now()}
	}
	return h.gate
}

// settle does away with a gate that has nothing to do and nothing to remember.
func (g *gate) settle() {
	if g.policy == nil && g.served.n+g.waiting.n == 0 && !g.shortage.warned && g.refusals.timer == nil && g.h.gate == g {
		g.h.gate = nil
	}
}

func (g *gate) now() time.Duration { return g.h.s.m.loop.Now().Sub(g.epoch) }

// setPolicy has p count for the clients to come. Who has been let in stays,
// and counts.
func (h *host) setPolicy(p *policy) {
	if h.gate == nil && p == nil {
		return
	}
	g := h.openGate()
	old := g.policy
	g.policy = p
	if old == nil || p == nil || old.ClientRate != p.ClientRate || old.IPv4Prefix != p.IPv4Prefix || old.IPv6Prefix != p.IPv6Prefix {
		g.forgetRates()
	}
	g.counts = nil
	for _, l := range [...]*guests{&g.served, &g.waiting} {
		for c := l.first; c != nil; c = c.next {
			g.count(c, 1)
		}
	}
	g.queue.Stop()
	g.queue = nil
	g.setQueueTimer()
	g.settle()
}

// queues reports whether clients beyond the process limit are accepted.
func (g *gate) queues() bool { return g != nil && g.policy != nil && g.policy.QueueLimit >= 0 }

// waits reports whether somebody waits.
func (g *gate) waits() bool { return g != nil && g.waiting.n > 0 }

// accepted takes a client in, or refuses it.
func (g *gate) accepted(fd int, p loop.Peer) {
	from := originOf(p)
	if g.policy != nil {
		if v := g.admit(from, fd); v != welcome {
			g.refuse(fd, from, v)
			return
		}
	}
	c := &guest{g: g, from: from, fd: fd, peer: p, since: g.now()}
	g.count(c, 1)
	if g.full() {
		g.wait(c)
		return
	}
	g.serve(c)
}

// full reports whether a client has to wait for its turn.
func (g *gate) full() bool { return g.waiting.n > 0 || !g.h.s.hasRoom() }

// admit is the whole decision about a client from o, whose descriptor is fd.
func (g *gate) admit(o origin, fd int) verdict {
	p := g.policy
	if v := p.access(o); v != welcome {
		return v
	}
	s := p.source(o)
	switch {
	case p.ClientLimit > 0 && g.counts[s] >= p.ClientLimit:
		return tooMany
	case p.QueueLimit >= 0 && g.waiting.n >= p.QueueLimit && g.full():
		return noPlace
	case fd >= g.h.s.m.waitersBelow && g.full():
		return noDescriptor
	case p.ClientRate.Count > 0 && !g.rates.take(s, p.ClientRate, g.now()): // last: it uses something up
		return tooFast
	}
	if p.ClientRate.Count > 0 && g.aging == nil {
		g.aging = g.h.s.m.loop.After(p.ClientRate.Per, g.age)
	}
	return welcome
}

// age forgets the sources that have been quiet for so long that they are as
// good as new ones.
func (g *gate) age() {
	if g.rates.age() {
		g.aging.Reset(g.policy.ClientRate.Per)
	} else {
		g.aging = nil
	}
}

func (g *gate) forgetRates() {
	g.rates = rates{}
	g.aging.Stop()
	g.aging = nil
}

// count adds n to the clients of c's source.
func (g *gate) count(c *guest, n int) {
	if g.policy == nil || g.policy.ClientLimit == 0 {
		return
	}
	if g.counts == nil {
		g.counts = map[source]int{}
	}
	s := g.policy.source(c.from)
	if n += g.counts[s]; n > 0 {
		g.counts[s] = n
	} else if delete(g.counts, s); len(g.counts) == 0 {
		g.counts = nil // a crowd leaves no memory behind
	}
}

// serve has the service take c.
func (g *gate) serve(c *guest) {
	if waited := g.now() - c.since; waited > 0 {
		g.h.s.past().wait(waited)
	}
	t := g.h.current
	if g.policy == nil { // nobody will ask who it was
		if err := g.h.serve(c.fd, c.peer, t.done); err != nil {
			g.hold(c, err)
			return
		}
		g.worked()
		return
	}
	c.t = t
	g.served.push(c)
	if err := g.h.serve(c.fd, c.peer, c.ended); err != nil {
		g.served.remove(c)
		c.t = nil
		g.hold(c, err)
		return
	}
	if p, ok := t.hosted.(Moving); ok {
		c.pid = p.Last()
	}
	g.worked()
}

// ended takes the end of a client that was served.
func (c *guest) ended() {
	c.g.served.remove(c)
	c.g.count(c, -1)
	c.t.ended()
	c.g.settle()
}

// closeGate ends what s has for clients who are not served yet.
func (s *service) closeGate() {
	if s.host != nil {
		s.host.gate.close()
	}
}

// close ends the gate with its service: who waits is sent away. Those who are
// being served still count.
func (g *gate) close() {
	if g == nil {
		return
	}
	g.dismiss()
	g.forgetRates()
	g.shortage.end()
	g.reportRefusals()
}
