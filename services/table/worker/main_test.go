// SPDX-License-Identifier: ISC

//go:build unix

package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/table/wire"
	"postloop/services/table/worker"
)

// TestMain runs the tests, or what the name says under which the test's executable
// is started: a worker, or somebody who starts one.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "table-test":
		worker.Main(func(*worker.Settings) (worker.Table, error) { return endless{}, nil })
	case "starter":
		runtime.LockOSThread() // Linux takes the end of the thread for that of the parent
		c := program("table-test")
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		fmt.Println(c.Run())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// endless is a table that says who it is, and then nothing any more.
type endless struct{}

func (endless) Close() {}

func (endless) Lookup(context.Context, string) ([]string, error) {
	fmt.Println(os.Getpid())
	for {
		time.Sleep(time.Hour)
	}
}

// program is the test's executable under another name.
func program(name string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &exec.Cmd{Path: exe, Args: []string{"/libexec/" + name, "fake:table"}}
}

// socket returns both ends of one.
func socket(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(pair[0])
	unix.CloseOnExec(pair[1])
	ours, theirs = os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}

// TestByHand: whoever starts a worker himself is told whose it is.
func TestByHand(t *testing.T) {
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = pipe.Close(), w.Close() }()
	file, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for name, stdin := range map[string]*os.File{"nothing": nil, "a pipe": pipe, "a file": file} {
		c := program("table-test")
		if stdin != nil {
			c.Stdin = stdin
		}
		text, _ := c.CombinedOutput()
		if code := c.ProcessState.ExitCode(); code != 64 || string(text) != "/libexec/table-test: is not to be started by hand\n" {
			t.Errorf("with %s: exit status %d, and %q", name, code, text)
		}
	}
}

// TestEnds: a worker ends with its socket, and says what is wrong with what comes
// over that.
func TestEnds(t *testing.T) {
	for _, row := range []struct {
		in, said string
		code     int
	}{
		{"", "", 0},
		{string(wire.AppendList(nil, "name", "x")), "", 0},
		{"\xff\xff\xff\xff", "a message of 4294967295 bytes\n", 1},
	} {
		ours, theirs := socket(t)
		c := program("table-test")
		var said strings.Builder
		c.Stdin, c.Stderr = theirs, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		_ = theirs.Close()
		_, _ = io.WriteString(ours, row.in)
		if err := unix.Shutdown(int(ours.Fd()), unix.SHUT_WR); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != row.code || said.String() != row.said {
			t.Errorf("%q: exit status %d, and %q", row.in, code, said.String())
		}
	}
}

// TestParentDies: a worker ends with whoever has started it, even while its driver
// is busy and somebody else holds its socket.
func TestParentDies(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	ours, theirs := socket(t)
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read only
	c := program("starter")
	c.Stdin, c.Stdout, c.Stderr = theirs, w, w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_, err = ours.Write(wire.AppendList(wire.AppendDeadline(wire.AppendList(nil, "name", "x"), 1<<30), "get", "k"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	var pid int
	if _, bad := fmt.Sscan(line, &pid); bad != nil || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	// The worker has the pipe as well: it ends when that one does.
	_ = out.SetReadDeadline(time.Now().Add(time.Minute))
	if more, err := io.ReadAll(lines); err != nil || len(more) > 0 {
		t.Errorf("%q, %v", more, err)
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}
