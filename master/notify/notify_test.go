// SPDX-License-Identifier: ISC

package notify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a socket as a service manager has one.
func manager(t *testing.T, name string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func receive(t *testing.T, fd int) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// short returns a directory with a name that a socket has room for.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestTake: the message arrives, and the environment is clean.
func TestTake(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	fd := manager(t, path)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", "")
	n, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, name := range variables {
		if _, set := os.LookupEnv(name); set {
			t.Errorf("%s is still set", name)
		}
	}
	if got := n.WatchdogTime(); got != 3*time.Second {
		t.Errorf("watchdog %v", got)
	}
	if err := n.Send(Ready, Status("two\nlines"), MainPID(7), Errno(unix.EPERM)); err != nil {
		t.Fatal(err)
	}
	if got, want := receive(t, fd), "READY=1\nSTATUS=two lines\nMAINPID=7\nERRNO=1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFull: a manager that does not read holds up nobody.
func TestFull(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	fd := manager(t, path)
	n, err := New(func(name string) string { return map[string]string{"NOTIFY_SOCKET": path}[name] }, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	sent := -1
	for ; err == nil; sent++ {
		err = n.Send(Watchdog)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	for range sent { // what is full is its queue, or what we may have under way
		receive(t, fd)
	}
	if err := n.Send(Ready); err != nil {
		t.Errorf("with room: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := n.Send(Ready); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("with nobody there: %v", err)
	}
}

// TestStatus: it is one line of text, and leaves room for what matters more.
func TestStatus(t *testing.T) {
	for text, want := range map[string]string{
		"a\nREADY=1\x00\x7fb":                       "STATUS=a READY=1  b",
		"\xff":                                      "STATUS=\ufffd",
		strings.Repeat("a", statusLimit):            "STATUS=" + strings.Repeat("a", statusLimit),
		strings.Repeat("a", statusLimit+1):          "STATUS=" + strings.Repeat("a", statusLimit-3) + "...",
		"a" + strings.Repeat("\u20ac", statusLimit): "STATUS=a" + strings.Repeat("\u20ac", (statusLimit-4)/3) + "...",
		strings.Repeat("\xff", statusLimit):         "STATUS=" + strings.Repeat("\ufffd", (statusLimit-3)/3) + "...",
	} {
		if got := Status(text); got != want {
			t.Errorf("%.20q: %d bytes: %.40q", text, len(got), got)
		}
	}
}

// TestNobody: where nobody listens, everything can be called.
func TestNobody(t *testing.T) {
	n, err := New(func(string) string { return "" }, 1)
	if n != nil || err != nil {
		t.Fatalf("%v, %v", n, err)
	}
	if err := n.Send(Ready); err != nil || n.WatchdogTime() != 0 {
		t.Errorf("%v, %v", err, n.WatchdogTime())
	}
	n.Close()
}

func TestBadAddress(t *testing.T) {
	for _, name := range []string{"relative", "@", "/", "vsock:2:1", "/" + strings.Repeat("x", 200)} {
		n, err := New(func(v string) string { return map[string]string{"NOTIFY_SOCKET": name}[v] }, 1)
		if n != nil || err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET="+name) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
}

func TestWatchdogTime(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"1000000", "", time.Second},
		{"1000000", "42", time.Second},
		{"1000000", "43", 0},
		{"-1", "", 0},
		{"x", "42", 0},
		{"9007199254740991", "42", 24 * time.Hour},
		{"99999999999999999999", "42", 0},
	} {
		if got := watchdogTime(c.usec, c.pid, 42); got != c.want {
			t.Errorf("%q %q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Add("/run/notify", "1000000", "1")
	f.Add("@abstract", "", "")
	f.Fuzz(func(t *testing.T, name, usec, pid string) {
		n, err := New(func(v string) string {
			return map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}[v]
		}, 1)
		if n != nil && (err != nil || n.WatchdogTime() < 0 || n.WatchdogTime() > 24*time.Hour) {
			t.Errorf("%v, %v", n.WatchdogTime(), err)
		}
		n.Close()
	})
}
