// SPDX-License-Identifier: ISC

package loop_test

import (
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestClosedBehindOurBack: a descriptor that is closed while it is watched is
// found when the kernel is asked for something else of it.
func TestClosedBehindOurBack(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := socketpair(t)
	defer closeFd(t, theirs)
	w := watch(t, l, ours, readable, func(loop.Ready) {})
	closeFd(t, ours)
	w.Want(writable)
	v, _ := panics(func() { _ = l.Turn(0) }).(string)
	if !strings.Contains(v, "was closed before its Watch was stopped") {
		t.Errorf("panic: %q", v)
	}
}

// TestPanic: a panic in a callback goes through to whoever takes the turn.
func TestPanic(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	l.Later(func() { panic("bug") })
	if v := panics(func() { _ = l.Turn(0) }); v != "bug" {
		t.Errorf("panic: %v", v)
	}
}

// TestCloseOnExec: whatever a loop opens for itself is close-on-exec.
func TestCloseOnExec(t *testing.T) {
	const top = 1000 // a test has not that many
	var before [top]bool
	for fd := range before {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		before[fd] = err == nil
	}
	l := looptest.New(t)
	l.OnSignal(unix.SIGUSR1, func() {})
	l.Watchdog(time.Minute, func(string) {})
	pid, err := l.Spawn(sh("exit 0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for fd, old := range before {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || old {
			continue
		}
		found++
		if flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is not close-on-exec", fd)
		}
	}
	if found == 0 {
		t.Error("no descriptor was found")
	}
	if err := waitid(pid); err != nil {
		t.Fatal(err)
	}
	looptest.Until(t, l, func() bool { return l.Children() == 0 })
	l.OnSignal(unix.SIGUSR1, nil)
}

// TestClosedBeforeClosed: when Closed is called the descriptor is closed, and
// its number free for the next.
func TestClosedBeforeClosed(t *testing.T) {
	l := looptest.New(t)
	var theirs int
	called := false
	c, theirs := conn(t, l, closer{func() {
		called = true
		if got := drain(t, theirs); got != "EOF" {
			t.Errorf("the peer got %q", got)
		}
	}}, loop.Limits{})
	if p := c.Peer(); p.String() != "unix" {
		t.Errorf("the peer is %v", p)
	}
	finish(t, l, c)
	if !called {
		t.Error("Closed was not called")
	}
}
