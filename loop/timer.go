// SPDX-License-Identifier: ISC

package loop

import "time"

// Timer calls its function once, when its time has come, and may be set again.
// It is made by After.
type Timer struct {
	l    *Loop
	f    func()
	when time.Duration // on the loop's clock
	seq  uint64        // timers of one time fire in the order of setting
	turn uint64        // it was set in
	at   int           // place in the heap plus 1; 0: not set
}

// After calls f once, d from now, in a turn of its own: never in the turn
// that sets it, even when d is 0. Now is the time of the turn, as Now has it.
func (l *Loop) After(d time.Duration, f func()) *Timer {
	t := &Timer{l: l, f: f}
	t.Reset(d)
	return t
}

// Reset makes t fire d from now, whether it was set, had fired or had been
// stopped. Moving a timer that is set to a later time is nearly free.
func (t *Timer) Reset(d time.Duration) {
	l := t.l
	l.owner.check()
	if !l.inTurn {
		l.clock.read()
	}
	t.when = l.clock.now + max(d, 0)
	if t.when < l.clock.now { // beyond the end of time
		t.when = 1<<63 - 1
	}
	t.turn = l.turn
	l.timers.seq++
	t.seq = l.timers.seq
	l.timers.set(t)
}

// Stop makes sure that t does not fire, and reports whether it would have. A
// nil Timer is one that never fires.
func (t *Timer) Stop() bool {
	if t == nil || t.at == 0 {
		return false
	}
	t.l.owner.check()
	t.l.timers.remove(t)
	return true
}

// Left is how long it is until t fires; 0 when it is due or not set.
func (t *Timer) Left() time.Duration {
	if t == nil || t.at == 0 {
		return 0
	}
	if !t.l.inTurn {
		t.l.clock.read()
	}
	return max(t.when-t.l.clock.now, 0)
}

// fire calls the timers that are due and were set before this turn.
func (l *Loop) fire() {
	for {
		t := l.timers.due(l.clock.now)
		// A timer set in this turn comes after every older one that is due:
		// its time is this turn's at the earliest, its number higher.
		if t == nil || t.turn == l.turn {
			return
		}
		l.timers.remove(t)
		l.dog.enter(t.f)
		t.f()
	}
}

// timers is a 4-ary heap: half as deep as a binary one, and the four children
// lie side by side in memory.
//
// The key in an entry may be earlier than its timer's time, never later: a
// timer moved to a later time stays where it is until it reaches the top.
// Idle limits are moved with every request and hardly ever expire.
type timers struct {
	heap []entry
	seq  uint64
}

// roomLeast is the room in the heap that is never given back. More is, by half,
// when three quarters are empty: a crowd leaves nothing behind, and a set and
// a stop in turn still make no garbage.
const roomLeast = 1024

type entry struct {
	when time.Duration
	seq  uint64
	t    *Timer
}

func (e *entry) before(f *entry) bool {
	return e.when < f.when || e.when == f.when && e.seq < f.seq
}

// moves is how many timers that were moved to a later time are given their
// place at once. A million of them take a tenth of a second.
const moves = 4096

// tidy gives timers that were moved their place, up to most of them, until one
// that was not has come to the top; it reports whether that is so.
func (h *timers) tidy(most int) bool {
	for range most {
		if len(h.heap) == 0 {
			return true
		}
		t := h.heap[0].t
		if h.heap[0].seq == t.seq {
			return true
		}
		h.down(0, entry{t.when, t.seq, t})
	}
	return false
}

// next is when the first timer is due, or an earlier time when very many were
// moved: waking up then does no harm, and goes on with the tidying. ok is
// false when no timer is set.
func (h *timers) next() (when time.Duration, ok bool) {
	h.tidy(moves)
	if len(h.heap) == 0 {
		return 0, false
	}
	return h.heap[0].when, true
}

// due is the first timer whose time has come by now, nil when there is none,
// or when the next turn should go on looking.
func (h *timers) due(now time.Duration) *Timer {
	if len(h.heap) == 0 || h.heap[0].when > now || !h.tidy(moves) || h.heap[0].when > now {
		return nil
	}
	return h.heap[0].t
}

// set gives t the place its time asks for.
func (h *timers) set(t *Timer) {
	e := entry{t.when, t.seq, t}
	switch {
	case t.at == 0:
		h.heap = append(h.heap, e)
		h.up(len(h.heap)-1, e)
	case e.before(&h.heap[t.at-1]):
		h.up(t.at-1, e)
	}
}

func (h *timers) remove(t *Timer) {
	at, last := t.at-1, len(h.heap)-1
	t.at = 0
	e := h.heap[last]
	h.heap[last] = entry{} // or the heap would keep the timer alive
	h.heap = h.heap[:last]
	switch {
	case at == last:
	case at > 0 && e.before(&h.heap[(at-1)/4]):
		h.up(at, e)
	default:
		h.down(at, e)
	}
	if room := cap(h.heap); room > roomLeast && last < room/4 {
		h.heap = append(make([]entry, 0, room/2), h.heap...)
	}
}

// up puts e at i or above.
func (h *timers) up(i int, e entry) {
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h.heap[parent]) {
			break
		}
		h.put(i, h.heap[parent])
		i = parent
	}
	h.put(i, e)
}

// down puts e at i or below.
func (h *timers) down(i int, e entry) {
	for {
		first := 4*i + 1
		if first >= len(h.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h.heap)); c++ {
			if h.heap[c].before(&h.heap[least]) {
				least = c
			}
		}
		if !h.heap[least].before(&e) {
			break
		}
		h.put(i, h.heap[least])
		i = least
	}
	h.put(i, e)
}

func (h *timers) put(i int, e entry) {
	h.heap[i] = e
	e.t.at = i + 1
}
