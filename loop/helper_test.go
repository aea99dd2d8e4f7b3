// SPDX-License-Identifier: ISC

package loop_test

import (
	"os"
	"testing"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// roles are what the test binary can be when a test executes it again.
var roles = map[string]func(){}

const roleVar = "LOOP_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		role()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// self is a command that runs this binary in a role.
func self(t testing.TB, role string, files ...int) *loop.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &loop.Cmd{
		Path: path, Args: []string{"loop.test"},
		Env: append(os.Environ(), roleVar+"="+role), Files: files,
	}
}

// sh is a command that runs a line of shell.
func sh(line string, files ...int) *loop.Cmd {
	return &loop.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: os.Environ(), Files: files}
}

// turn takes a turn that does not wait.
func turn(t testing.TB, l *loop.Loop) {
	t.Helper()
	if err := l.Turn(0); err != nil {
		t.Fatal(err)
	}
}

func watch(t testing.TB, l *loop.Loop, fd int, want loop.Ready, f func(loop.Ready)) *loop.Watch {
	t.Helper()
	w, err := l.Watch(fd, want, f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t testing.TB, fd int, s string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(s)); n != len(s) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

// drain reads what is there; "EOF" stands for the end.
func drain(t testing.TB, fd int) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EAGAIN:
			return string(all)
		case err == unix.EINTR:
			continue
		case err != nil:
			return string(all) + err.Error()
		case n == 0:
			return string(all) + "EOF"
		}
		all = append(all, buf[:n]...)
	}
}

// await waits until fd is ready for what bits ask.
func await(t testing.TB, fd int, bits int16) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: bits}}, 30_000)
		switch {
		case err == unix.EINTR:
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatalf("descriptor %d is not ready", fd)
		default:
			return
		}
	}
}

func closeFd(t testing.TB, fd int) {
	t.Helper()
	if err := unix.Close(fd); err != nil {
		t.Fatalf("close %d: %v", fd, err)
	}
}

// pipe returns a non-blocking pipe, to be closed by the test.
func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return p[0], p[1]
}

// panics returns what f panics with, nil if it does not.
func panics(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

const (
	readable = loop.Readable
	writable = loop.Writable
	ms       = time.Millisecond
)
