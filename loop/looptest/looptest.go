// SPDX-License-Identifier: ISC

// Package looptest runs a loop under a test's control: time moves when the
// test says so, waiting is for a condition and never for a duration, and what
// is left over when the test ends fails it.
package looptest

import (
	"testing"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// patience is how long Until waits, in real time, for what should happen at
// once: long enough for a machine that is busy with something else.
const patience = 30 * time.Second

// New makes a loop whose time stands still until Advance moves it. When the
// test ends the loop is closed, and the test fails if a watch, a connection, a
// timer or a child is left, or if descriptors are open that were not open
// before New.
func New(t testing.TB) *loop.Loop {
	t.Helper()
	return with(t, loop.NewVirtual)
}

// NewReal is New with time that passes by itself.
func NewReal(t testing.TB) *loop.Loop {
	t.Helper()
	return with(t, loop.New)
}

func with(t testing.TB, make func() (*loop.Loop, error)) *loop.Loop {
	t.Helper()
	settle(t)
	before := descriptors(t)
	l, err := make()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s := l.Stats()
		if s.Watches+s.Conns+s.Listeners+s.Timers+s.Children > 0 {
			t.Errorf("left over in the loop: %d watches (%d connections, %d listeners), %d timers, %d children",
				s.Watches, s.Conns, s.Listeners, s.Timers, s.Children)
		}
		if err := l.Close(); err != nil {
			t.Errorf("close the loop: %v", err)
		}
		compare(t, before, descriptors(t))
	})
	return l
}

// Pair makes a connected pair of stream sockets, non-blocking and
// close-on-exec. When the test ends, whichever of the two is still open is
// closed.
func Pair(t testing.TB) (ours, theirs int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
		id := identify(t, fd)
		t.Cleanup(func() {
			// The number may be another file's by now.
			if open(fd) && identify(t, fd) == id {
				_ = unix.Close(fd)
			}
		})
	}
	return p[0], p[1]
}

// Advance lets d pass: it moves the loop's time from one due timer to the next
// and takes a turn at each, so that timers fire at the moment they are set
// for, those included that are set meanwhile. Turns do not wait.
func Advance(l *loop.Loop, d time.Duration) {
	for {
		step, ok := l.NextTimer()
		if !ok || step > d {
			break
		}
		l.Skip(step)
		d -= step
		turn(l, 0)
	}
	l.Skip(d)
	turn(l, 0)
}

// Until takes turns until cond holds, and waits in them for descriptors,
// children, signals and posts. It gives up when that takes too long.
func Until(t testing.TB, l *loop.Loop, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !cond(); {
		left := time.Until(limit)
		if left <= 0 {
			next, ok := l.NextTimer()
			t.Fatalf("condition not met in %v; loop: %+v; a timer is set: %v, due in %v", patience, l.Stats(), ok, next)
		}
		turn(l, left)
	}
}

func turn(l *loop.Loop, wait time.Duration) {
	if err := l.Turn(wait); err != nil {
		panic(err)
	}
}
