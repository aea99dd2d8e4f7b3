// SPDX-License-Identifier: ISC

package maillog_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal returns both ends of a new one; the inner one is in blocking mode,
// as a shell gives it to what it starts.
func terminal(t *testing.T) (outer, inner *os.File) {
	t.Helper()
	ioctl := func(fd int, request uintptr, arg *int32) {
		t.Helper()
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
			t.Fatal(errno)
		}
	}
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	outer = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { _ = outer.Close() })
	var unlock, number int32
	ioctl(fd, syscall.TIOCSPTLCK, &unlock)
	ioctl(fd, syscall.TIOCGPTN, &number)
	name := fmt.Sprintf("/dev/pts/%d", number)
	fd, err = syscall.Open(name, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	inner = os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { _ = inner.Close() })
	return outer, inner
}

// A terminal says that it is writable as soon as one byte fits. One whose
// other end has stalled must not stop us, for a line that is longer than what
// fits neither; and the line goes on later where it was broken off.
func TestStdoutTerminalNeverBlocks(t *testing.T) {
	const lines = 150
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outer, inner := terminal(t)
	reports, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reports.Close() }()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("PIPE_TEST=%d", lines), "PIPE_TEST_REOPEN=1")
	cmd.Stdout, cmd.Stderr = inner, w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	_ = w.Close()
	deadline := time.Now().Add(10 * time.Second)
	if err := reports.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	if err := outer.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	report := bufio.NewReader(reports)
	expectRecord(t, report, '\n', "true true 0")
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, inner.Fd(), syscall.F_GETFL, 0)
	if errno != 0 || flags&syscall.O_NONBLOCK != 0 {
		t.Errorf("the mode that others share has become %#o (%v)", flags, errno)
	}
	_ = stdin.Close()
	out := bufio.NewReader(outer)
	for i := range lines {
		expectRecord(t, out, '\n', stamp+"mx postfix/master[77]: "+pipeText(i)+"\r")
	}
	expectRecord(t, report, '\n', "false false 0")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
