// SPDX-License-Identifier: ISC

package lspawn

import (
	"os"
	"testing"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// TestUnstarted: what is said when the loop cannot start a qmail-local, and a
// qmail-getpw. Whatever may be over the next time lets mail wait.
func TestUnstarted(t *testing.T) {
	exec := func(step string, err error) error { return &loop.ExecError{Path: "p", Step: step, Err: err} }
	const ids = "ZUnable to set proper uid, gid for joe.\n"
	for _, test := range []struct {
		err                       error
		indimail, classic, lookup string
	}{
		{os.NewSyscallError("clone3", unix.EAGAIN), noForkIndiMail, noFork, noSystem},
		{os.NewSyscallError("fork", unix.ENOMEM), noForkIndiMail, noFork, noSystem},
		{os.NewSyscallError("exec", unix.EAGAIN), execSoft, execSoft, execGetpw},
		{exec("exec", unix.ENOENT), execHard, execHard, execGetpw},
		{exec("exec", unix.E2BIG), execHard, execHard, execGetpw},
		{exec("exec", unix.EIO), execSoft, execSoft, execGetpw},
		{exec("", unix.ENOENT), execHard, execHard, execGetpw},
		{exec("", unix.ETXTBSY), execSoft, execSoft, execGetpw},
		{exec("", unix.EPERM), ids, ownBug, execGetpw},
		{exec("", unix.EINVAL), ids, ownBug, execGetpw},
		{exec("setgroups", unix.EPERM), ids, ownBug, ownBug},
		{exec("setresgid", unix.EINVAL), ids, ownBug, ownBug},
		{exec("setresuid", unix.EPERM), ids, ownBug, ownBug},
		{os.NewSyscallError("setresuid", unix.EAGAIN), ids, ownBug, noSystem},
		{exec("chdir", unix.ENOENT), noRootDir, ownBug, ownBug},
		{exec("confine", unix.ENOSYS), ownBug, ownBug, ownBug},
		{exec("dup3", unix.EBADF), ownBug, ownBug, ownBug},
	} {
		for p, want := range map[Protocol]string{IndiMail: test.indimail, Classic: test.classic, Big: test.classic} {
			c := &Config{Protocol: p, Dir: "/"}
			if got := c.unstarted(test.err, "joe"); got != want {
				t.Errorf("%s, %v: %q, want %q", p, test.err, got, want)
			}
		}
		if got := getpwUnstarted(test.err); got != test.lookup {
			t.Errorf("qmail-getpw, %v: %q, want %q", test.err, got, test.lookup)
		}
	}
	if got := (&Config{Dir: "/nonexistent"}).unstarted(exec("", unix.ENOENT), "joe"); got != noRootDir {
		t.Errorf("without the directory: %q", got)
	}
}

// TestStages: a delivery goes forward, and is reported once.
func TestStages(t *testing.T) {
	for from := accepted; from <= reported; from++ {
		for next := accepted; next <= reported; next++ {
			want := from < reported && (next == from+1 || next == reported)
			if got := from.leadsTo(next); got != want {
				t.Errorf("from %s to %s: %v", from, next, got)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a delivery is reported twice")
		}
	}()
	d := &delivery{stage: reported}
	d.to(reported)
}
