// SPDX-License-Identifier: ISC

package loop

import "time"

// clock is the loop's time: monotonic, counted from the loop's making, and
// read once a turn.
type clock struct {
	epoch   time.Time
	virtual bool
	now     time.Duration // since epoch, as of the last reading

	wall     time.Time // what Now returns ...
	wallRead bool      // ... once somebody has asked this turn
}

// read brings now up to date. A virtual clock moves by skip alone.
func (c *clock) read() {
	if !c.virtual {
		c.now = time.Since(c.epoch)
	}
	c.wallRead = false
}

// time is the time of day at now. Reading it costs as much as a timer does,
// and most turns need none: hence not before it is asked for, and then less
// what has passed since now was read.
func (c *clock) time() time.Time {
	if c.virtual {
		return c.epoch.Add(c.now)
	}
	if !c.wallRead {
		t := time.Now()
		c.wall, c.wallRead = t.Add(c.now-t.Sub(c.epoch)), true
	}
	return c.wall
}

// NewVirtual makes a loop whose time stands still until Skip moves it. It is
// for tests, which have looptest.New and looptest.Advance for it.
func NewVirtual() (*Loop, error) {
	l, err := New()
	if err == nil {
		l.clock.virtual = true
		l.clock.now = 0
	}
	return l, err
}

// Skip moves the time of a loop made by NewVirtual; the next turn fires what
// has come due by then.
func (l *Loop) Skip(d time.Duration) {
	l.owner.check()
	if !l.clock.virtual {
		panic("loop: Skip on a loop that lives in real time")
	}
	l.clock.now += max(d, 0)
}

// NextTimer reports how long it is until the next timer is due, 0 when it is
// overdue; ok is false when none is set.
func (l *Loop) NextTimer() (left time.Duration, ok bool) {
	for !l.timers.tidy(moves) {
	}
	when, ok := l.timers.next()
	if !ok {
		return 0, false
	}
	if !l.inTurn {
		l.clock.read()
	}
	return max(when-l.clock.now, 0), true
}
