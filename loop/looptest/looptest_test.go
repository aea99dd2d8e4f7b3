// SPDX-License-Identifier: ISC

package looptest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// fake is a test that keeps what it is told, instead of failing.
type fake struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (f *fake) Helper()                      {}
func (f *fake) Cleanup(c func())             { f.cleanups = append(f.cleanups, c) }
func (f *fake) Errorf(text string, a ...any) { f.errors = append(f.errors, fmt.Sprintf(text, a...)) }

func (f *fake) Fatal(a ...any)               { f.errors = append(f.errors, fmt.Sprint(a...)); runtime.Goexit() }
func (f *fake) Fatalf(text string, a ...any) { f.Errorf(text, a...); runtime.Goexit() }

// end runs the clean-ups as testing does, the last one first.
func (f *fake) end() {
	slices.Reverse(f.cleanups)
	for _, c := range f.cleanups {
		c()
	}
}

// TestLeaks: everything that a test can leave behind fails it, and says what
// it is.
func TestLeaks(t *testing.T) {
	var undo []func()
	for name, test := range map[string]struct {
		leak func(l *loop.Loop)
		want string // empty: none
	}{
		"nothing":       {func(*loop.Loop) {}, ""},
		"timer":         {func(l *loop.Loop) { l.After(time.Hour, func() {}) }, "1 timers"},
		"stopped timer": {func(l *loop.Loop) { l.After(time.Hour, func() {}).Stop() }, ""},
		"watch": {func(l *loop.Loop) {
			a, _ := looptest.Pair(t)
			if _, err := l.Watch(a, loop.Readable, func(loop.Ready) {}); err != nil {
				t.Fatal(err)
			}
		}, "1 watches"},
		"connection": {func(l *loop.Loop) {
			a, _ := looptest.Pair(t)
			if _, err := l.Conn(a, nobody{}, loop.Limits{}); err != nil {
				t.Fatal(err)
			}
		}, "1 connections"},
		"descriptor": {func(*loop.Loop) {
			fd, err := unix.Dup(1)
			if err != nil {
				t.Fatal(err)
			}
			undo = append(undo, func() { _ = unix.Close(fd) })
		}, "was not open before"},
		"child": {func(l *loop.Loop) {
			pid, err := l.Spawn(&loop.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 0"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			undo = append(undo, func() { _, _ = unix.Wait4(pid, nil, 0, nil) })
		}, "1 children"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{TB: t}
			test.leak(looptest.New(f))
			f.end()
			got := strings.Join(f.errors, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("it said %q, wanted %q", got, test.want)
			}
			for _, u := range undo {
				u()
			}
			undo = nil
		})
	}
}

type nobody struct{}

func (nobody) Data(_ *loop.Conn, in []byte) int { return len(in) }
func (nobody) Closed(*loop.Conn, error)         {}

// TestPair: the two ends are connected, and closing one of them in the test,
// or using its number for something else, is no trouble at its end.
func TestPair(t *testing.T) {
	f := &fake{TB: t}
	a, b := looptest.Pair(f)
	if _, err := unix.Write(a, []byte("x")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2)
	if n, err := unix.Read(b, buf); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := unix.Close(a); err != nil {
		t.Fatal(err)
	}
	again, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, a)
	if err != nil || again != a {
		t.Fatalf("descriptor %d: %v", again, err)
	}
	f.end()
	if _, err := unix.FcntlInt(uintptr(b), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the other end is still open: %v", err)
	}
	if err := unix.Close(again); err != nil {
		t.Errorf("the number's new owner was closed: %v", err)
	}
}

// TestAdvance fires timers at their own times, those included that are set on
// the way.
func TestAdvance(t *testing.T) {
	l := looptest.New(t)
	start := l.Now()
	var got []time.Duration
	note := func() { got = append(got, l.Now().Sub(start)) }
	l.After(3*time.Second, note)
	l.After(time.Second, func() {
		note()
		l.After(time.Second, note)
		l.After(0, note)
	})
	l.After(10*time.Second, note)
	looptest.Advance(l, 9*time.Second)
	want := []time.Duration{time.Second, time.Second, 2 * time.Second, 3 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if now := l.Now().Sub(start); now != 9*time.Second {
		t.Errorf("it is %v", now)
	}
	looptest.Advance(l, time.Second)
	if len(got) != 5 {
		t.Errorf("got %v", got)
	}
}

// TestUntil waits for what comes from outside the loop.
func TestUntil(t *testing.T) {
	l := looptest.New(t)
	n := 0
	go func() {
		for range 3 {
			l.Post(func() { n++ })
		}
	}()
	looptest.Until(t, l, func() bool { return n == 3 })
}
