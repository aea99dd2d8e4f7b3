// SPDX-License-Identifier: ISC

package loop_test

import (
	"slices"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"
)

// TestTimerOrder: by time, and by setting where the time is the same; Reset
// counts as setting.
func TestTimerOrder(t *testing.T) {
	l := looptest.New(t)
	var got []int
	add := func(i int, d time.Duration) *loop.Timer { return l.After(d, func() { got = append(got, i) }) }
	add(1, 3*ms)
	add(2, 1*ms)
	moved := add(3, 2*ms)
	add(4, 2*ms)
	sooner := add(5, time.Hour)
	add(6, 2*ms)
	moved.Reset(2 * ms) // behind 6 now
	sooner.Reset(1 * ms)
	looptest.Advance(l, 5*ms)
	if want := []int{2, 5, 4, 6, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTimerReset: later, sooner, after it has fired, and after Stop.
func TestTimerReset(t *testing.T) {
	l := looptest.New(t)
	fired := 0
	timer := l.After(ms, func() { fired++ })
	timer.Reset(10 * ms)
	looptest.Advance(l, 9*ms)
	if fired != 0 || timer.Left() != ms {
		t.Fatalf("fired %d times, %v left", fired, timer.Left())
	}
	timer.Reset(5 * ms)
	timer.Reset(2 * ms)
	looptest.Advance(l, 2*ms)
	if fired != 1 || timer.Left() != 0 || timer.Stop() {
		t.Fatalf("fired %d times, %v left", fired, timer.Left())
	}
	timer.Reset(ms)
	looptest.Advance(l, ms)
	if fired != 2 {
		t.Fatalf("fired %d times", fired)
	}
	timer.Reset(ms)
	if !timer.Stop() || timer.Stop() {
		t.Error("Stop does not know whether the timer was set")
	}
	looptest.Advance(l, time.Hour)
	timer.Reset(0)
	looptest.Advance(l, 0)
	if fired != 3 {
		t.Errorf("fired %d times", fired)
	}
}

// TestTimerNil: a timer that was never made never fires.
func TestTimerNil(t *testing.T) {
	var timer *loop.Timer
	if timer.Stop() || timer.Left() != 0 {
		t.Error("a nil Timer is set")
	}
}

// TestTimerFar: the end of time does not come round to its beginning.
func TestTimerFar(t *testing.T) {
	l := looptest.New(t)
	looptest.Advance(l, time.Hour)
	timer := l.After(1<<63-1, func() { t.Error("fired") })
	turn(t, l)
	looptest.Advance(l, time.Hour)
	if timer.Left() < 1<<62 {
		t.Errorf("%v left", timer.Left())
	}
	timer.Stop()
}

// TestTimerRepeats: a timer that sets itself again runs once a turn and lets
// others run.
func TestTimerRepeats(t *testing.T) {
	l := looptest.New(t)
	n := 0
	var timer *loop.Timer
	timer = l.After(0, func() { n++; timer.Reset(0) })
	for want := 1; want < 10; want++ {
		turn(t, l)
		if n != want {
			t.Fatalf("fired %d times in %d turns", n, want)
		}
	}
	timer.Stop()
}

// TestTimerReal: in real time a timer is never early, and less than a
// millisecond is less than a millisecond where the kernel can do it. That it
// is late proves nothing on a busy machine: the best of many counts.
func TestTimerReal(t *testing.T) {
	l := looptest.NewReal(t)
	best := time.Hour
	for range 50 {
		const d = 200 * time.Microsecond
		var took time.Duration
		start := time.Now()
		l.After(d, func() { took = time.Since(start) })
		before := l.Stats().Turns
		looptest.Until(t, l, func() bool { return took > 0 })
		if took < d {
			t.Fatalf("fired after %v, was set to %v", took, d)
		}
		if turns := l.Stats().Turns - before; turns > 2 { // 2: a signal may interrupt the wait
			t.Errorf("%d turns for one timer", turns)
		}
		best = min(best, took)
	}
	if best > 5*ms {
		t.Errorf("the best of 50 timers of 200 us took %v", best)
	}
}

// TestNow is one time for a whole turn, and the time outside of one.
func TestNow(t *testing.T) {
	l := looptest.NewReal(t)
	var first, second time.Time
	l.Later(func() { first = l.Now() })
	l.Later(func() {
		for start := time.Now(); time.Since(start) < time.Millisecond; {
		}
		second = l.Now()
	})
	before := time.Now()
	turn(t, l)
	if !first.Equal(second) || first.Before(before) {
		t.Errorf("before %v, then %v and %v", before, first, second)
	}
	if now := l.Now(); !now.After(first) {
		t.Errorf("after the turn it is %v", now)
	}
	v := looptest.New(t)
	start := v.Now()
	looptest.Advance(v, time.Hour)
	if d := v.Now().Sub(start); d != time.Hour {
		t.Errorf("an hour took %v", d)
	}
	if panics(func() { l.Skip(1) }) == nil {
		t.Error("real time can be skipped")
	}
}

// TestMillionTimers sets, moves, stops and fires a million.
func TestMillionTimers(t *testing.T) {
	const n = 1_000_000
	l := looptest.New(t)
	fired, last := 0, time.Duration(0)
	start := l.Now()
	list := make([]*loop.Timer, n)
	for i := range list {
		d := time.Duration(i*7919%n) * time.Microsecond
		list[i] = l.After(d, func() {
			fired++
			now := l.Now().Sub(start)
			if now < last {
				t.Fatal("time goes backwards")
			}
			last = now
		})
	}
	for i := 0; i < n; i += 4 {
		list[i].Stop()
		list[i+1].Reset(time.Duration(i) * time.Microsecond)
	}
	l.Skip(time.Second)
	turn(t, l)
	if fired != n*3/4 {
		t.Errorf("%d fired, wanted %d", fired, n*3/4)
	}
}

// TestTimerMoved: very many timers that were moved hold up no turn for long,
// and nothing is lost or early for it.
func TestTimerMoved(t *testing.T) {
	const n = 4 * loop.Moves
	l := looptest.New(t)
	fired := 0
	list := make([]*loop.Timer, n)
	for i := range list {
		list[i] = l.After(ms, func() { fired++ })
	}
	for i := range list {
		list[i].Reset(time.Second)
	}
	l.Skip(ms)
	for turns := 1; l.UnmovedTimers() > 0; turns++ {
		before := l.UnmovedTimers()
		if err := l.Turn(-1); err != nil { // it does not wait
			t.Fatal(err)
		}
		if moved := before - l.UnmovedTimers(); moved <= 0 || moved > 2*loop.Moves {
			t.Fatalf("turn %d gave %d timers their place", turns, moved)
		}
	}
	looptest.Advance(l, time.Second-2*ms)
	if fired != 0 {
		t.Errorf("%d fired early", fired)
	}
	looptest.Advance(l, ms)
	if fired != n {
		t.Errorf("%d fired of %d", fired, n)
	}
}

// TestTimerRoom: a crowd of timers leaves no heap behind, and a few cost no
// garbage.
func TestTimerRoom(t *testing.T) {
	l := looptest.New(t)
	few := l.TimerRoom()
	list := make([]*loop.Timer, 100_000)
	for i := range list {
		list[i] = l.After(time.Duration(i*7919%len(list))*ms, func() {})
	}
	for i, timer := range list {
		timer.Stop()
		if left := len(list) - i - 1; l.TimerRoom() > max(4*(left+1), 2*loop.RoomLeast) {
			t.Fatalf("room for %d timers, %d are set", l.TimerRoom(), left)
		}
	}
	if room := l.TimerRoom(); room > few+loop.RoomLeast {
		t.Errorf("room for %d timers is left, it was %d", room, few)
	}
	if n := testing.AllocsPerRun(1000, func() {
		for i := range 100 {
			list[i].Reset(ms)
		}
		for i := range 100 {
			list[i].Stop()
		}
	}); n != 0 {
		t.Errorf("%v allocations to set and stop", n)
	}
}

// TestNowLateAsked: however late in a turn the time is asked for, it is the one
// that After counts from.
func TestNowLateAsked(t *testing.T) {
	l := looptest.NewReal(t)
	l.Later(func() {
		entered := time.Now()
		burn(ms)
		now := l.Now()
		if now.After(entered) {
			t.Errorf("the turn's time is %v after the callback began", now.Sub(entered))
		}
		if wall := now.Round(0); entered.Round(0).Sub(wall) > time.Second {
			t.Errorf("the time of day is %v, at %v", wall, entered)
		}
	})
	turn(t, l)
}
