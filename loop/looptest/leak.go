// SPDX-License-Identifier: ISC

package looptest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// file is what tells one open file from another.
type file struct{ dev, ino uint64 }

func identify(t testing.TB, fd int) file {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatalf("fstat %d: %v", fd, err)
	}
	return file{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // their types differ between systems
}

func open(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// settle makes the runtime open what it opens at some time or other, so that
// it is not taken for a leak.
func settle(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_ = w.Close()
}

// descriptors returns what is open, and what it is where the system tells.
func descriptors(t testing.TB) map[int]string {
	t.Helper()
	list := make(map[int]string)
	for fd := range highest(t) + 1 {
		if open(fd) {
			name, err := os.Readlink(filepath.Join("/proc/self/fd", strconv.Itoa(fd)))
			if err != nil {
				name = "of unknown kind"
			}
			list[fd] = name
		}
	}
	return list
}

// highest is a number that no open descriptor exceeds.
func highest(t testing.TB) int {
	t.Helper()
	top := -1
	if entries, err := os.ReadDir("/dev/fd"); err == nil && len(entries) > 3 {
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil {
				top = max(top, n)
			}
		}
		return top
	}
	var limit unix.Rlimit // /dev/fd has the first three alone on some systems
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(uint64(limit.Cur), 1<<16)) - 1 //nolint:unconvert // its type differs between systems
}

func compare(t testing.TB, before, after map[int]string) {
	t.Helper()
	for fd, name := range after {
		if _, ok := before[fd]; !ok {
			t.Errorf("descriptor %d (%s) was not open before", fd, name)
		}
	}
	for fd, name := range before {
		if _, ok := after[fd]; !ok {
			t.Errorf("descriptor %d (%s) was open before, and has been closed", fd, name)
		}
	}
}
