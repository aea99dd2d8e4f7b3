// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long a condition may take. Nothing takes that long unless
// it is broken, or the machine is very busy.
const Patience = 60 * time.Second

// look is how often a condition that announces itself by no event is seen to.
const look = 20 * time.Millisecond

// Until waits for cond. It looks again when the log or the mailbox changes,
// and every 20 ms for the sake of conditions about processes.
func (p *Instance) Until(what string, cond func() bool) {
	p.t.Helper()
	p.UntilWithin(Patience, what, cond)
}

// UntilWithin is Until with a limit of the caller's.
func (p *Instance) UntilWithin(limit time.Duration, what string, cond func() bool) {
	p.t.Helper()
	if !p.Soon(limit, cond) {
		p.t.Fatalf("after %v still not: %s", limit, what)
	}
}

// Soon is UntilWithin for who can go on without: it returns what cond did last.
func (p *Instance) Soon(limit time.Duration, cond func() bool) bool {
	p.t.Helper()
	if p.changes < 0 {
		p.watchFiles()
	}
	for end := time.Now().Add(limit); !cond(); {
		if time.Now().After(end) {
			return false
		}
		awaitChange(p.changes, look)
	}
	return true
}

// Until waits for cond, which is about no instance, looking every 20 ms and
// whenever fd is readable; fd may be -1.
func Until(t testing.TB, what string, fd int, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", Patience, what)
		}
		awaitChange(fd, look)
	}
}

// watchFiles opens the inotify descriptor that Until waits on.
func (p *Instance) watchFiles() {
	p.t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	p.must(err)
	for _, dir := range []string{p.Dir + "/log", p.Dir + "/mail"} {
		_, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MODIFY|unix.IN_MOVED_TO|unix.IN_DELETE)
		p.must(err)
	}
	p.changes = fd
}

// awaitChange blocks until fd is readable or d is over, and takes what is
// there to be read.
func awaitChange(fd int, d time.Duration) {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, _ = unix.Poll(set, int(d/time.Millisecond))
	if set[0].Revents&unix.POLLIN != 0 {
		var buf [16 << 10]byte
		_, _ = unix.Read(fd, buf[:])
	}
}

// Gone waits until process pid has ended. A zombie counts as gone: reaping it
// is its parent's affair.
func Gone(t testing.TB, pid int) {
	t.Helper()
	if !gone(pid, Patience) {
		t.Fatalf("process %d (%s) still runs after %v", pid, Argv(pid), Patience)
	}
}

func gone(pid int, limit time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil {
		return os.IsNotExist(err)
	}
	defer func() { _ = unix.Close(fd) }()
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll(set, int(max(0, time.Until(end)/time.Millisecond)))
		if err == nil || !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}
