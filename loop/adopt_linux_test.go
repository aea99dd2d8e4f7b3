// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"runtime"
	"syscall"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// bornElsewhere starts a process that no loop knows.
func bornElsewhere(t *testing.T, stdin int, script string) int {
	t.Helper()
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Files: []uintptr{uintptr(stdin), 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestAdopt: the end of a child that the loop has not started is reported like
// any other's, also if it had ended before.
func TestAdopt(t *testing.T) {
	l := looptest.New(t)
	dead := bornElsewhere(t, 0, "exit 3")
	if err := unix.Waitid(unix.P_PID, dead, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	ours, theirs := looptest.Pair(t)
	if err := unix.SetNonblock(theirs, false); err != nil {
		t.Fatal(err)
	}
	lives := bornElsewhere(t, theirs, "read word; exit 4")
	ends := map[int]int{}
	for _, pid := range []int{dead, lives} {
		if err := l.Adopt(pid, func(e loop.Exit) { ends[e.Pid] = e.Status.ExitStatus() }); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Adopt(lives, nil); err == nil {
		t.Error("adopted twice")
	}
	if got := l.ChildPids(); len(got) != 2 {
		t.Errorf("children %v", got)
	}
	looptest.Until(t, l, func() bool { return len(ends) == 1 })
	if ends[dead] != 3 {
		t.Errorf("ends %v", ends)
	}
	if _, err := unix.Write(ours, []byte("word\n")); err != nil {
		t.Fatal(err)
	}
	looptest.Until(t, l, func() bool { return len(ends) == 2 })
	if ends[lives] != 4 || !l.Reported() {
		t.Errorf("ends %v, all reported %v", ends, l.Reported())
	}
}

// TestAdoptNoChild: somebody else's process is refused.
func TestAdoptNoChild(t *testing.T) {
	l := looptest.New(t)
	if err := l.Adopt(1, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("process 1: %v", err)
	}
}

// TestBecomeFails: nothing has changed when another program cannot be had.
func TestBecomeFails(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	unix.CloseOnExec(ours)
	if err := l.Become("/nonexistent/program", []string{"program"}, nil, []int{ours, theirs}); !errors.Is(err, unix.ENOENT) {
		t.Fatalf("become: %v", err)
	}
	// Nor is a signal lost that has been taken and not been told of.
	calls := 0
	l.OnSignal(unix.SIGUSR1, func() { calls++ })
	defer l.OnSignal(unix.SIGUSR1, nil)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 100 {
		before := calls
		if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if err := l.Become("/nonexistent/program", []string{"program"}, nil, nil); !errors.Is(err, loop.ErrSignal) {
			t.Fatalf("become: %v", err)
		}
		turn(t, l)
		if calls != before+1 {
			t.Fatalf("%d calls after %d", calls, before)
		}
	}
	for _, fd := range []int{ours, theirs} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d: flags %d, %v", fd, flags, err)
		}
	}
	var now unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &now); err != nil || now.Val[0]&(1<<(unix.SIGTERM-1)) != 0 {
		t.Errorf("SIGTERM is blocked: %v, %v", now.Val, err)
	}
}
