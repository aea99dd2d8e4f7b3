// SPDX-License-Identifier: ISC

package loop

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"time"
)

// watchdog knows which callback runs, and since when: for the report of one
// that held the loop too long, and for the timer outside the loop that finds
// a turn that never ends. A nil watchdog is one that nobody needs.
type watchdog struct {
	stalled    func(name string, took time.Duration)
	stallLimit time.Duration
	began      time.Time // of what runs, when stalled is set
	longest    longest   // likewise

	mu     sync.Mutex
	what   any // the callback that runs: a func, or a Handler; nil between callbacks
	turn   uint64
	busy   bool
	asleep bool // there is nothing to watch until a turn begins

	limit   time.Duration
	expired func(name string)
	kick    chan struct{} // a turn has begun; nil: the timer is not armed
	bye     chan struct{}
}

// longest is what has held the loop the longest so far.
type longest struct {
	turn     time.Duration
	callback time.Duration
	name     string // of the callback
}

// looks is how many times the watchdog looks before it decides. It bites no
// earlier than its limit, and later than it by one look at the most.
const looks = 4

// Watchdog calls expired, from a goroutine of its own, when a turn's callbacks
// take longer than limit, with the name of the one that runs. expired is
// there to say so and to end the process; it must not call into the loop.
// Waiting for something to do is not a turn's callbacks; nothing wakes up for
// the watchdog while the loop waits, but for one last look. A limit of 0 puts
// an end to it.
func (l *Loop) Watchdog(limit time.Duration, expired func(name string)) {
	l.owner.check()
	stalled, stallLimit := l.dog.stall()
	record := l.dog.record()
	l.dog.quit()
	l.dog = nil
	if stalled != nil {
		l.dog = &watchdog{stalled: stalled, stallLimit: stallLimit, longest: record}
	}
	if limit <= 0 || expired == nil || l.closed {
		return
	}
	if l.dog == nil {
		l.dog = &watchdog{}
	}
	d := l.dog
	d.limit, d.expired, d.busy = limit, expired, l.inTurn
	d.kick, d.bye = make(chan struct{}, 1), make(chan struct{})
	go d.watch()
}

// OnStall calls f, when a callback has returned that took longer than limit,
// with its name and the time it took, and has Stats know the longest of all. A
// limit of 0 puts an end to it. It costs a look at the clock per callback, some
// 50 ns; a watchdog alone, 4.
func (l *Loop) OnStall(limit time.Duration, f func(name string, took time.Duration)) {
	l.owner.check()
	if limit <= 0 {
		f = nil
	}
	if l.dog == nil {
		l.dog = &watchdog{}
	}
	l.dog.stalled, l.dog.stallLimit = f, limit
	l.dog.began = time.Now()
}

func (d *watchdog) stall() (func(string, time.Duration), time.Duration) {
	if d == nil {
		return nil, 0
	}
	return d.stalled, d.stallLimit
}

func (d *watchdog) record() longest {
	if d == nil {
		return longest{}
	}
	return d.longest
}

// begin says that a turn's callbacks begin.
func (d *watchdog) begin() {
	if d == nil || d.kick == nil {
		return
	}
	d.mu.Lock()
	d.turn++
	d.busy = true
	wake := d.asleep
	d.asleep = false
	d.mu.Unlock()
	if wake {
		d.kick <- struct{}{}
	}
}

// enter says that callback begins, and thereby that the one before has ended.
func (d *watchdog) enter(callback any) {
	if d != nil { // small enough to be inlined: most loops have no watchdog
		d.note(callback)
	}
}

func (d *watchdog) note(callback any) {
	if d.stalled != nil {
		d.check(callback)
		return
	}
	d.mu.Lock()
	d.what = callback
	d.mu.Unlock()
}

// check looks how long the last callback took, and starts the next one's time.
func (d *watchdog) check(next any) {
	now := time.Now()
	d.mu.Lock()
	last := d.what
	d.what = next
	d.mu.Unlock()
	took := now.Sub(d.began)
	if last != nil && took > d.longest.callback {
		// The name and not the callback, which would keep alive what it refers to.
		d.longest.callback, d.longest.name = took, nameOf(last)
	}
	if last != nil && took > d.stallLimit {
		d.stalled(nameOf(last), took)
		now = time.Now()
	}
	d.began = now
}

// turned takes note of how long the callbacks of a turn have taken that began
// when c was read.
func (d *watchdog) turned(c *clock) {
	if d != nil && d.stalled != nil && !c.virtual {
		d.longest.turn = max(d.longest.turn, d.began.Sub(c.epoch)-c.now)
	}
}

// end says that the turn's callbacks are through.
func (d *watchdog) end() {
	if d == nil {
		return
	}
	if d.stalled != nil {
		d.check(nil)
	}
	d.mu.Lock()
	d.what = nil
	d.busy = false
	d.mu.Unlock()
}

// quit ends the goroutine.
func (d *watchdog) quit() {
	if d != nil && d.bye != nil {
		close(d.bye)
	}
}

// watch looks a few times per limit whether the same turn is still going on.
func (d *watchdog) watch() {
	tick := time.NewTimer(d.limit / looks)
	defer tick.Stop()
	var turn uint64
	seen := 0 // how often turn was found going on
	for {
		select {
		case <-d.bye:
			return
		case <-tick.C:
		}
		d.mu.Lock()
		what := d.what
		switch {
		case d.turn != turn || seen == 0 && d.busy:
			turn, seen = d.turn, 0
			if d.busy {
				seen = 1
			}
		case d.busy:
			seen++
		default: // no turn since the last look
			d.asleep = true
			seen = 0
		}
		asleep := d.asleep
		d.mu.Unlock()
		if seen == looks+1 { // once: seen is beyond it from here on
			d.expired(nameOf(what))
		}
		if asleep {
			select {
			case <-d.bye:
				return
			case <-d.kick:
			}
		}
		tick.Reset(d.limit / looks)
	}
}

// nameOf is the name of a callback, as a stack trace would have it.
func nameOf(callback any) string {
	if callback == nil {
		return "the loop itself"
	}
	if v := reflect.ValueOf(callback); v.Kind() == reflect.Func {
		return runtime.FuncForPC(v.Pointer()).Name()
	}
	return fmt.Sprintf("%T", callback)
}
