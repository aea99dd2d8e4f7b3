// SPDX-License-Identifier: ISC

package ids

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// needRoot leaves a test out that is about being someone else: nobody but root
// can be.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// sharedDir returns a directory in which everybody may create files.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ids")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func expectOwner(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != uid || st.Gid != gid {
		t.Errorf("%s belongs to %d:%d, want %d:%d", path, st.Uid, st.Gid, uid, gid)
	}
}

func TestIdsAreThoseOfTheOwner(t *testing.T) {
	needRoot(t)
	dir := sharedDir(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := errors.New("what f returns")
	err := Pair{4001, 4002}.Do(func() error {
		if err := os.WriteFile(dir+"/theirs", nil, 0o600); err != nil {
			t.Error(err)
		}
		if _, err := os.ReadFile(secret); !errors.Is(err, os.ErrPermission) {
			t.Errorf("read root's file: %v", err)
		}
		return other
	})
	if !errors.Is(err, other) {
		t.Errorf("got %v, want what f returned", err)
	}
	expectOwner(t, dir+"/theirs", 4001, 4002)
	if err := os.WriteFile(dir+"/ours", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectOwner(t, dir+"/ours", 0, 0)
	if _, err := os.ReadFile(secret); err != nil {
		t.Error(err)
	}
}

func TestIdsComeBackAfterAPanic(t *testing.T) {
	needRoot(t)
	dir := sharedDir(t)
	func() {
		defer func() { _ = recover() }()
		_ = Pair{4001, 4002}.Do(func() error { panic("a bug") })
	}()
	if err := os.WriteFile(dir+"/ours", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectOwner(t, dir+"/ours", 0, 0)
}

func TestNoIdsNoSwitch(t *testing.T) {
	before := os.Geteuid()
	called := false
	err := Pair{}.Do(func() error {
		called = os.Geteuid() == before
		return nil
	})
	if err != nil || !called {
		t.Errorf("called as the same user: %v; %v", called, err)
	}
}

// The other threads must not change: one that did could be left behind.
func TestIdsAreOfOneThread(t *testing.T) {
	needRoot(t)
	if runtime.GOOS != "linux" {
		t.Skip("ids are the process's here")
	}
	const theirs = "Uid:\t0\t4001\t0\t4001"
	ours := func() (n, threads int) {
		tasks, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil || len(tasks) == 0 {
			t.Fatalf("no threads found: %v", err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
				continue // it has ended since
			}
			if err != nil {
				t.Fatal(err)
			}
			threads++
			if strings.Contains(string(text), theirs) {
				n++
				if !strings.Contains(string(text), "Groups:\t4002 \n") {
					t.Errorf("groups in\n%s", text)
				}
			}
		}
		return n, threads
	}
	err := Pair{4001, 4002}.Do(func() error {
		// More threads than there were, made while this one is not root's.
		release := make(chan struct{})
		ready := make(chan struct{})
		for range 8 {
			go func() {
				runtime.LockOSThread()
				ready <- struct{}{}
				<-release
			}()
		}
		for range 8 {
			<-ready
		}
		if n, threads := ours(); n != 1 || threads < 9 {
			t.Errorf("%d of %d threads act as the user", n, threads)
		}
		close(release)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := ours(); n != 0 {
		t.Errorf("%d threads still act as the user", n)
	}
}

func TestDropGroups(t *testing.T) {
	needRoot(t)
	if err := unix.Setgroups([]int{0, 4003}); err != nil { // of one thread or all
		t.Fatal(err)
	}
	if err := DropGroups(); err != nil {
		t.Fatal(err)
	}
	// A child has the groups of whichever thread started it.
	out, err := exec.Command("/bin/sh", "-c", "id -G; id -g").Output()
	if err != nil || string(out) != "0\n0\n" {
		t.Errorf("a child has groups %q, %v", out, err)
	}
	if tasks, _ := filepath.Glob("/proc/self/task/*/status"); runtime.GOOS == "linux" {
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err == nil && !strings.Contains(string(text), "Groups:\t0 \n") {
				t.Errorf("%s:\n%s", task, text)
			}
		}
	}
}

// TestLowerAndAsRoot is about the whole process, so a process of its own has
// it done.
func TestLowerAndAsRoot(t *testing.T) {
	needRoot(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestLowered$")
	cmd.Env = append(os.Environ(), "IDS_LOWERED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestLowered(t *testing.T) {
	if os.Getenv("IDS_LOWERED") == "" {
		t.Skip("TestLowerAndAsRoot runs this")
	}
	victim := func() int {
		pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "1000"}, &syscall.ProcAttr{
			Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4005, Gid: 4006}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	reap := func(pid int) {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
			t.Error(err)
		}
	}
	first := victim()
	if err := (Pair{4001, 4002}).Lower(); err != nil {
		t.Fatal(err)
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 || gid != 0 || os.Geteuid() != 4001 || os.Getegid() != 4002 {
		t.Errorf("uid %d/%d, gid %d/%d", uid, os.Geteuid(), gid, os.Getegid())
	}
	if groups, err := os.Getgroups(); err != nil || len(groups) != 1 || groups[0] != 4002 {
		t.Errorf("groups %v, %v", groups, err)
	}
	if err := unix.Kill(first, unix.SIGKILL); !errors.Is(err, unix.EPERM) {
		t.Errorf("kill another user's process: %v", err)
	}
	other := errors.New("what f returns")
	second := 0
	err := AsRoot(func() error {
		if err := unix.Kill(first, unix.SIGKILL); err != nil {
			t.Error(err)
		}
		second = victim() // takes root
		return other
	})
	if !errors.Is(err, other) || os.Geteuid() != 4001 {
		t.Errorf("%v; the effective user is %d", err, os.Geteuid())
	}
	reap(first)
	_ = AsRoot(func() error { return unix.Kill(second, unix.SIGKILL) })
	reap(second)
}

func BenchmarkIds(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root")
	}
	i := Pair{4001, 4002}
	for b.Loop() {
		if err := i.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
