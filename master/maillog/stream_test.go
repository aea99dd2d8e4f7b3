// SPDX-License-Identifier: ISC

package maillog_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/master/maillog"
)

// syslogStream is a syslogd that wants a connection.
func syslogStream(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func accept(t *testing.T, ln *net.UnixListener) (net.Conn, *bufio.Reader) {
	t.Helper()
	if err := ln.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func expectRecord(t *testing.T, r *bufio.Reader, end byte, want string) {
	t.Helper()
	got, err := r.ReadString(end)
	if err != nil {
		t.Fatal(err)
	}
	if got != want+string(end) {
		t.Fatalf("\n got %q\nwant %q", got, want)
	}
}

// A stream that is full takes part of a line. The rest follows; and if the
// server is replaced before that, its successor gets the line whole.
func TestSyslogStream(t *testing.T) {
	path := socketPath(t)
	ln := syslogStream(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path})
	c, r := accept(t, ln)

	const head = "<22>Mar  4 05:06:07 postfix/master[77]: "
	text := func(i int) string { return fmt.Sprintf("%04d %s", i, strings.Repeat("x", 1500)) }
	next := 0
	for l.FD() < 0 {
		l.Infof("%s", text(next))
		next++
	}
	read := next / 2
	for i := range read {
		expectRecord(t, r, 0, head+text(i))
	}
	l.Drain(10 * time.Second)
	if l.Pending() || l.Lost() > 0 {
		t.Fatalf("pending %v, lost %d", l.Pending(), l.Lost())
	}
	for i := read; i < next; i++ {
		expectRecord(t, r, 0, head+text(i))
	}

	for l.FD() < 0 {
		l.Infof("%s", text(next))
		next++
	}
	_ = c.Close()
	_ = ln.Close()
	ln = syslogStream(t, path)
	last := next - 1
	l.Infof("%s", text(next))
	_, r = accept(t, ln)
	expectRecord(t, r, 0, head+text(last))
	expectRecord(t, r, 0, head+text(next))
}

// Standard output and standard error need a process of their own: this test
// program, with the number of lines in PIPE_TEST. PIPE_TEST_REOPEN has it open its
// destination a second time while lines are queued. PIPE_TEST_POSTLOG has standard
// output be what there is for want of postlogd.
func TestMain(m *testing.M) {
	if n := os.Getenv("PIPE_TEST"); n != "" {
		pipeWriter(n)
		return
	}
	os.Exit(m.Run())
}

// pipeWriter fills its standard output and says on standard error how it
// fared, waits for its standard input to end, and empties its queue.
func pipeWriter(lines string) {
	var n int
	_, _ = fmt.Sscan(lines, &n)
	l := maillog.New("master").ForPid(77)
	l.Clock(newClock().Now)
	opened := func() {
		d := maillog.Dest{Kind: maillog.Stdout, Host: "mx", Format: maillog.Text}
		if os.Getenv("PIPE_TEST_POSTLOG") != "" {
			d.Kind, d.Path, d.File = maillog.Postlog, "/nonexistent/postlog", "/dev/stdout"
		}
		if err := l.Open(d); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	opened()
	for i := range n {
		l.Infof("%s", pipeText(i))
	}
	if os.Getenv("PIPE_TEST_REOPEN") != "" {
		opened()
	}
	fmt.Fprintln(os.Stderr, l.Pending(), l.FD() >= 0, l.Lost())
	_, _ = io.Copy(io.Discard, os.Stdin)
	l.Drain(time.Minute)
	fmt.Fprintln(os.Stderr, l.Pending(), l.FD() >= 0, l.Lost())
}

func pipeText(i int) string { return fmt.Sprintf("%04d %s", i, strings.Repeat("x", 990)) }

// A pipe in blocking mode that nobody reads must not stop us, and its mode
// must stay as it is: others write to it too.
func TestStdoutPipeNeverBlocks(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	neverBlocks(t, r, w, 150) // 150 kB: more than a pipe, less than a pipe and a queue
}

// A socket cannot be opened a second time.
func TestStdoutSocketNeverBlocks(t *testing.T) { stdoutSocket(t) }

// Under postlogd, too, /dev/stdout is what we were given and no file to open.
func TestStdoutSocketForWantOfPostlogd(t *testing.T) { stdoutSocket(t, "PIPE_TEST_POSTLOG=1") }

func stdoutSocket(t *testing.T, env ...string) {
	t.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range ends {
		syscall.CloseOnExec(fd)
	}
	if err := syscall.SetsockoptInt(ends[1], syscall.SOL_SOCKET, syscall.SO_SNDBUF, 64<<10); err != nil {
		t.Fatal(err)
	}
	neverBlocks(t, os.NewFile(uintptr(ends[0]), "reader"), os.NewFile(uintptr(ends[1]), "writer"), 250, env...)
}

// neverBlocks has a process write lines to w, which is more than fits, while
// nobody reads from r, and then reads them.
func neverBlocks(t *testing.T, r, w *os.File, lines int, env ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("PIPE_TEST=%d", lines)), env...)
	cmd.Stdout = w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	report := bufio.NewReader(stderr)
	expectRecord(t, report, '\n', "true true 0")
	_ = stdin.Close()
	out := bufio.NewReader(r)
	for i := range lines {
		expectRecord(t, out, '\n', stamp+"mx postfix/master[77]: "+pipeText(i))
	}
	expectRecord(t, report, '\n', "false false 0")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestStdoutTellsOfLosses: a reader that comes too late for all of it learns how
// much is missing, and where.
func TestStdoutTellsOfLosses(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	const lines = 1500 // a thousand bytes each: more than a pipe and a queue
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("PIPE_TEST=%d", lines))
	cmd.Stdout = w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	report := bufio.NewReader(stderr)
	lost := 0
	if _, err := fmt.Fscanf(report, "true true %d\n", &lost); err != nil || lost == 0 || lost >= lines {
		t.Fatalf("lost %d, %v", lost, err)
	}
	_ = stdin.Close()
	out := bufio.NewReader(r)
	for i := range lines - lost {
		expectRecord(t, out, '\n', stamp+"mx postfix/master[77]: "+pipeText(i))
	}
	want := fmt.Sprintf("]: warning: %d log lines lost: their destination did not take them in time\n", lost)
	if got, err := out.ReadString('\n'); err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	expectRecord(t, report, '\n', fmt.Sprintf("false false %d", lost))
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// A reader that has gone away is no reason to die or to stop.
func TestStderrWithoutReader(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "PIPE_TEST=3")
	cmd.Stdout = w
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	report := bufio.NewReader(stderr)
	expectRecord(t, report, '\n', "true false 0")
	expectRecord(t, report, '\n', "true false 0")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
