// SPDX-License-Identifier: ISC

package loop_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// burn holds the loop for d.
func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

type slowHandler struct{}

func (slowHandler) Data(_ *loop.Conn, in []byte) int { burn(20 * ms); return len(in) }
func (slowHandler) Closed(*loop.Conn, error)         {}

func slowTimer()           { burn(20 * ms) }
func slowWatch(loop.Ready) { burn(20 * ms) }
func slowExit(loop.Exit)   { burn(20 * ms) }

// TestOnStall names whatever held the loop, and nothing else.
func TestOnStall(t *testing.T) {
	l := looptest.New(t)
	var got []string
	l.OnStall(10*ms, func(name string, took time.Duration) {
		if took < 10*ms {
			t.Errorf("%s took %v", name, took)
		}
		got = append(got, name[strings.LastIndex(name, "/")+1:])
	})
	l.After(0, func() {})
	l.After(0, slowTimer)
	r, w := pipe(t)
	write(t, w, "x")
	watched := watch(t, l, r, readable, slowWatch)
	c, theirs := conn(t, l, slowHandler{}, loop.Limits{})
	write(t, theirs, "x")
	pid, err := l.Spawn(sh("exit 0"), slowExit)
	if err != nil {
		t.Fatal(err)
	}
	if err := waitid(pid); err != nil {
		t.Fatal(err)
	}
	for l.Children() > 0 {
		turn(t, l)
		watched.Want(0)
	}
	finish(t, l, c)
	want := []string{"loop_test.slowTimer", "loop_test.slowWatch", "loop_test.slowHandler", "loop_test.slowExit"}
	// A busy machine may hold up others.
	got = slices.DeleteFunc(got, func(s string) bool { return !slices.Contains(want, s) })
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = nil
	l.OnStall(0, nil)
	l.After(0, slowTimer)
	turn(t, l)
	if len(got) != 0 {
		t.Errorf("got %q", got)
	}
	watched.Stop()
	closeFd(t, r)
	closeFd(t, w)
}

// TestOnStallBetween: what a system call takes between two callbacks is not
// laid at the door of the first.
func TestOnStallBetween(t *testing.T) {
	l := looptest.New(t)
	const long = 300 * ms
	l.OnStall(long, func(name string, took time.Duration) { t.Errorf("%s took %v", name, took) })
	first := true
	stop := troubled(t, l, func() error {
		if first {
			first = false
			return nil
		}
		burn(long)
		return unix.EAGAIN
	}, nil)
	turn(t, l)
	l.OnStall(0, nil)
	stop()
}

// TestWatchdog: while a callback does not come back, the watchdog says which
// it is.
func TestWatchdog(t *testing.T) {
	l := looptest.New(t)
	bitten := make(chan string)
	l.Watchdog(20*ms, func(name string) { bitten <- name })
	for range 3 { // it goes on watching
		l.Later(func() {})
		l.Later(func() {
			name := <-bitten // comes from the other goroutine, or never
			if !strings.Contains(name, "TestWatchdog") {
				t.Errorf("it was %s", name)
			}
		})
		turn(t, l)
	}
	l.Watchdog(0, nil)
	l.Later(func() { burn(100 * ms) }) // nobody is left who would send
	turn(t, l)
}

// TestWatchdogPatient: many turns within the limit, and a long wait, are none
// of its business.
func TestWatchdogPatient(t *testing.T) {
	l := looptest.NewReal(t)
	l.Watchdog(200*ms, func(name string) { t.Errorf("it was %s", name) })
	for start := time.Now(); time.Since(start) < 300*ms; {
		l.Later(func() {})
		turn(t, l)
	}
	l.After(300*ms, l.Stop)
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
}

// TestWatchdogEnds ends a process whose loop is stuck in a callback that does
// nothing but compute.
func TestWatchdogEnds(t *testing.T) {
	l := looptest.New(t)
	if got := strings.TrimSpace(output(t, l, self(t, "stuck"))); !strings.HasSuffix(got, "loop_test.neverReturns") {
		t.Errorf("it said %q", got)
	}
	if got := run(t, l, self(t, "stuck", -1, -1, -1)).ExitStatus(); got != 3 {
		t.Errorf("exit status %d", got)
	}
}

// TestLongest: what held the loop the longest is remembered, and a new watchdog
// does not forget it.
func TestLongest(t *testing.T) {
	l := looptest.NewReal(t)
	if s := l.Stats(); s.LongestTurn != 0 || s.LongestName != "" {
		t.Errorf("before anybody measures: %+v", s)
	}
	l.OnStall(time.Minute, func(string, time.Duration) {})
	l.Later(slowTimer)
	turn(t, l)
	l.Watchdog(time.Minute, func(string) {})
	l.Watchdog(0, nil)
	s := l.Stats()
	if !strings.HasSuffix(s.LongestName, "slowTimer") || s.LongestCallback < 10*ms || s.LongestTurn < s.LongestCallback {
		t.Errorf("%s held the loop for %v, in a turn of %v", s.LongestName, s.LongestCallback, s.LongestTurn)
	}
}
