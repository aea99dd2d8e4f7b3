// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLockFileIsPostfixs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	l, err := OpenLock(path, Ids{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, c := range []struct {
		pid  int
		want string
	}{
		{4194303, strings.Repeat(" ", 25) + "4194303\n"},
		{7, strings.Repeat(" ", 31) + "7\n"},
	} {
		if err := l.WritePid(c.pid); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want || len(got) != 33 {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if flags, err := unix.FcntlInt(uintptr(l.fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("processes would inherit the lock (%v)", err)
	}
}

// What a crashed master left is not cut short: a reader would see an empty
// file for a moment.
func TestLockLeavesTheOldNumberUntilTheNewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	const old = "                            1234\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLock(path, Ids{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got, err := os.ReadFile(path); err != nil || string(got) != old {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	running := func(want bool) {
		t.Helper()
		if got, err := TestLock(path); got != want || err != nil {
			t.Errorf("running: got %v, %v, want %v", got, err, want)
		}
	}
	running(false)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the test has made the file (%v)", err)
	}

	first, err := OpenLock(path, Ids{})
	if err != nil {
		t.Fatal(err)
	}
	running(true)
	want := "open lock file " + path + ": unable to set exclusive lock: Resource temporarily unavailable"
	if _, err := OpenLock(path, Ids{}); err == nil || err.Error() != want || !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("second lock:\n got %v\nwant %s", err, want)
	}

	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	running(false)
	second, err := OpenLock(path, Ids{})
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
}

func TestLockRefusesTraps(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "lock"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(other, path); err != nil {
		t.Fatal(err)
	}
	want := "open lock file " + path + ": file has 2 hard links"
	if _, err := OpenLock(path, Ids{}); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if running, err := TestLock(path); running || err == nil {
		t.Errorf("running: got %v, %v", running, err)
	}
	want = "open lock file " + dir + "/no/lock: cannot create file exclusively: No such file or directory"
	if _, err := OpenLock(dir+"/no/lock", Ids{}); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestLockBelongsToItsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp("", "master") // t.TempDir's parents are not for everybody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLock(dir+"/master.lock", Ids{UID: 4001, GID: 4002})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var st unix.Stat_t
	if err := unix.Stat(dir+"/master.lock", &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != 4001 || st.Gid != 4002 {
		t.Errorf("the lock belongs to %d:%d", st.Uid, st.Gid)
	}
}
