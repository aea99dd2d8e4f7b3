// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// high returns n descriptors with high numbers, each a different file.
func high(t testing.TB, n int) (fds []int, names []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		name := fmt.Sprintf("%s/%c", dir, 'a'+i)
		low, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, 500)
		if err != nil {
			t.Fatal(err)
		}
		closeFd(t, low)
		t.Cleanup(func() { closeFd(t, fd) })
		fds, names = append(fds, fd), append(names, name)
	}
	return fds, names
}

// listing is a command that says what its descriptors from 3 on are.
func listing(files ...int) *loop.Cmd {
	return sh("cd /proc/self/fd; for i in *; do [ $i -gt 2 ] && [ -e $i ] && echo $i $(readlink $i); done; true", append([]int{-1, -1, -1}, files...)...)
}

// TestFilesAnywhere: as many as there are slots, more than that, and in places
// where the slots themselves are.
func TestFilesAnywhere(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if err := loop.CloseOnExecFrom(3); err != nil {
				t.Fatal(err)
			}
			l := looptest.New(t)
			fds, names := high(t, n)
			slices.Reverse(fds)
			slices.Reverse(names)
			var want strings.Builder
			for i, name := range names {
				fmt.Fprintf(&want, "%d %s\n", i+3, name)
			}
			got := strings.Split(output(t, l, listing(fds...)), "\n")
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasSuffix(s, "/fd") || s == "" }) // the shell's own
			slices.SortFunc(got, func(a, b string) int { return number(a) - number(b) })
			if text := strings.Join(got, "\n") + "\n"; text != want.String() {
				t.Errorf("the child has\n%s, want\n%s", text, want.String())
			}
		})
	}
}

func number(s string) (n int) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

// TestNothingOfOursIsLeft: what a child was given is not held on to.
func TestNothingOfOursIsLeft(t *testing.T) {
	l := looptest.New(t)
	a, b := looptest.Pair(t)
	if status := run(t, l, sh("exit 0", b, b, b)); status != 0 {
		t.Fatal(status)
	}
	closeFd(t, b)
	var buf [1]byte
	if n, err := unix.Read(a, buf[:]); n != 0 || err != nil {
		t.Errorf("the other side of the child's connection reads %d, %v, want its end", n, err)
	}
	closeFd(t, a)
}

// TestSignalsOfAChild: it has no handler and nothing blocked.
func TestSignalsOfAChild(t *testing.T) {
	l := looptest.New(t)
	got := output(t, l, sh("cat /proc/self/status"))
	for _, want := range []string{"\nSigBlk:\t0000000000000000\n", "\nSigCgt:\t0000000000000000\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	// Neither is this thread left with what it had while the child was born.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var now unix.Sigset_t
	if err := unix.PthreadSigmask(0, nil, &now); err != nil || now != (unix.Sigset_t{}) {
		t.Errorf("this thread blocks %v, %v", now, err)
	}
}

// TestUsedAgain: a Cmd may be started again, as it was or changed.
func TestUsedAgain(t *testing.T) {
	l := looptest.New(t)
	c := sh(`echo "$0 $X $Y"; pwd`)
	c.Args = append(c.Args, "zero")
	room := append(make([]string, 0, 4), "X=1")
	for _, change := range []struct {
		do   func()
		want string
	}{
		{func() { c.Env, c.Dir = append(room, "Y=1"), "/" }, "zero 1 1\n/\n"},
		{func() {}, "zero 1 1\n/\n"},
		{func() { c.Env = append(room, "Y=2") }, "zero 1 2\n/\n"}, // the same memory
		{func() { c.Args[3] = "one" }, "one 1 2\n/\n"},
		{func() { c.Env, c.Dir = []string{"Y=3"}, "/usr" }, "one  3\n/usr\n"},
		{func() { c.Env = nil }, "one  \n/usr\n"},
	} {
		change.do()
		if got := output(t, l, c); got != change.want {
			t.Errorf("got %q, want %q", got, change.want)
		}
	}
}

// TestStillborn: the error of a child that did not come to its program tells
// at what, and there is nothing left of it.
func TestStillborn(t *testing.T) {
	l := looptest.New(t)
	run(t, l, sh("exit 0"))
	for step, c := range map[string]*loop.Cmd{
		"exec":   {Path: "/nonexistent"},
		"chdir":  {Path: "/bin/sh", Dir: "/nonexistent"},
		"chroot": {Path: "/bin/sh", Root: "/nonexistent"},
		"dup3":   {Path: "/bin/sh", Files: []int{1 << 18}},
	} {
		_, err := l.Spawn(c, nil)
		var exec *loop.ExecError
		if !errors.As(err, &exec) || exec.Step != step {
			t.Errorf("%s: %v", step, err)
			continue
		}
		if exec.Pid != 0 && unix.Kill(exec.Pid, 0) != unix.ESRCH {
			t.Errorf("%s: process %d is still there", step, exec.Pid)
		}
		if exec.Pid == 0 && step != "dup3" {
			t.Errorf("%s: no process number", step)
		}
	}
}

// TestConfined: what is taken from a child.
func TestConfined(t *testing.T) {
	l := looptest.New(t)
	if !l.Confines() {
		t.Fatal("not here")
	}
	c := sh("nice; ulimit -n; ulimit -H -n; ulimit -c; grep NoNewPrivs /proc/self/status")
	c.Nice, c.NoNewPrivs = 3, true
	c.Rlimits = []loop.Rlimit{{Resource: unix.RLIMIT_NOFILE, Cur: 20, Max: 30}, {Resource: unix.RLIMIT_CORE}}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // of Linux: 20 less what it is
	if err != nil {
		t.Fatal(err)
	}
	nice := min(20-raw+3, 19)
	if got, want := output(t, l, c), fmt.Sprintf("%d\n20\n30\n0\nNoNewPrivs:\t1\n", nice); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c = sh("grep -E '^Cap(Bnd|Eff|Amb)' /proc/self/status")
	keep := loop.Caps(1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_KILL)
	c.Caps = &keep
	if os.Geteuid() != 0 {
		_, err := l.Spawn(c, nil)
		if exec := (*loop.ExecError)(nil); !errors.As(err, &exec) || exec.Step != "prctl" || !errors.Is(err, unix.EPERM) {
			t.Errorf("without root: %v", err)
		}
		return
	}
	if got, want := output(t, l, c), "CapEff:\t0000000000000420\nCapBnd:\t0000000000000420\nCapAmb:\t0000000000000000\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInheritedCaps: the bounding set does not hold for what is inheritable, of
// which root's programs and the set-uid ones get all.
func TestInheritedCaps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes root")
	}
	l := looptest.New(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data, more [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		t.Fatal(err)
	}
	more = data
	more[0].Inheritable |= 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL
	if err := unix.Capset(&head, &more[0]); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Capset(&head, &data[0]); err != nil {
			t.Fatal(err)
		}
	}()
	c := sh("grep -E '^Cap(Inh|Prm|Eff|Bnd)' /proc/self/status")
	keep := loop.Caps(1 << unix.CAP_KILL)
	c.Caps = &keep
	const set = "0000000000000020\n"
	if got, want := output(t, l, c), "CapInh:\t"+set+"CapPrm:\t"+set+"CapEff:\t"+set+"CapBnd:\t"+set; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.User = &loop.User{UID: 65534, GID: 65534}
	const none = "0000000000000000\n"
	if got, want := output(t, l, c), "CapInh:\t"+set+"CapPrm:\t"+none+"CapEff:\t"+none+"CapBnd:\t"+set; got != want {
		t.Errorf("as a user: got %q, want %q", got, want)
	}
}

// TestUser: all ids and groups are the user's, and a process that is root in
// reserve only can start such a child, too.
func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes root")
	}
	l := looptest.New(t)
	c := sh("grep -E '^([UG]id|Groups|CapPrm)' /proc/self/status")
	c.User = &loop.User{UID: 65534, GID: 65533, Groups: []int{65533, 8}}
	want := "Uid:\t65534\t65534\t65534\t65534\nGid:\t65533\t65533\t65533\t65533\nGroups:\t8 65533 \nCapPrm:\t0000000000000000\n"
	if got := output(t, l, c); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := syscall.Setresuid(-1, 65532, -1); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			t.Fatal(err)
		}
	}()
	if got := output(t, l, c); got != want {
		t.Errorf("in reserve: got %q, want %q", got, want)
	}
}

// TestStoppedAtBirth: a child may be stopped by its user before it has come to
// its program. Nobody waits for it for ever.
func TestStoppedAtBirth(t *testing.T) {
	l := looptest.New(t)
	stopped := func(uid int) {
		t.Helper()
		pid, err := l.BearStopped(uid)
		if err != nil {
			t.Fatal(err)
		}
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 3 {
			t.Errorf("user %d: the end is %#x, %v", uid, status, err)
		}
	}
	stopped(0)
	if os.Geteuid() != 0 {
		return
	}
	stopped(65533)
	if err := syscall.Setresuid(-1, 65532, -1); err != nil {
		t.Fatal(err)
	}
	stopped(65533) // root is in reserve only
	if uid := os.Geteuid(); uid != 65532 {
		t.Errorf("we are user %d now", uid)
	}
	if err := syscall.Setresuid(-1, 0, -1); err != nil {
		t.Fatal(err)
	}
}

// TestProcessLimit: a user who has too many processes is no fault of the
// program's.
func TestProcessLimit(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes root")
	}
	l := looptest.New(t)
	c := sh("exec sleep 1000")
	c.User = &loop.User{UID: 54321, GID: 54321}
	pid, err := l.Spawn(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer looptest.Until(t, l, func() bool { return l.Children() == 0 })
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	c.Rlimits = []loop.Rlimit{{Resource: unix.RLIMIT_NPROC}}
	_, err = l.Spawn(c, nil)
	if exec := (*loop.ExecError)(nil); !errors.Is(err, unix.EAGAIN) || errors.As(err, &exec) {
		t.Errorf("%v, want a shortage", err)
	}
}

// TestSpawnAllocates: to start the same thing again gives the garbage
// collector nothing to do.
func TestSpawnAllocates(t *testing.T) {
	l := looptest.New(t)
	c := sh("exit 0")
	exited := func(loop.Exit) {}
	run(t, l, c) // makes what is kept
	n := testing.AllocsPerRun(50, func() {
		if _, err := l.Spawn(c, exited); err != nil {
			t.Fatal(err)
		}
		for l.Children() > 0 {
			turn(t, l)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
