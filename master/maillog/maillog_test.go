// SPDX-License-Identifier: ISC

package maillog_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/master/maillog"
)

// clock is time that passes when a test says so.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock {
	return &clock{time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)}
}

const stamp = "Mar 04 05:06:07 "

// newLogger returns a logger of process 77 that the environment has not
// touched.
func newLogger(t *testing.T, c *clock) *maillog.Logger {
	t.Helper()
	t.Setenv(maillog.EnvTag, "")
	t.Setenv(maillog.EnvService, "")
	t.Setenv(maillog.EnvHostname, "")
	l := maillog.New("master").ForPid(77)
	l.Clock(c.Now)
	t.Cleanup(l.Close)
	return l
}

func open(t *testing.T, l *maillog.Logger, d maillog.Dest) {
	t.Helper()
	if err := l.Open(d); err != nil {
		t.Fatal(err)
	}
}

// socketPath returns a path short enough for a socket address everywhere.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "socket")
}

// server is what syslogd and postlogd are to their clients.
type server struct{ *net.UnixConn }

func serve(t *testing.T, path string) server {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return server{c}
}

// expect reads one line and compares it.
func (s server) expect(t *testing.T, want string) {
	t.Helper()
	if got := s.next(t); got != want {
		t.Fatalf("\n got %q\nwant %q", got, want)
	}
}

func (s server) next(t *testing.T) string {
	t.Helper()
	line := make([]byte, 8192)
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := s.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return string(line[:n])
}

// empty makes sure that no line is there. What a client has sent to a unix
// socket is there at once.
func (s server) empty(t *testing.T) {
	t.Helper()
	raw, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 8192)
	err = raw.Control(func(fd uintptr) {
		if n, err := syscall.Read(int(fd), line); err == nil {
			t.Fatalf("an unexpected line: %q", line[:n])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSyslog(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path, Facility: "local0", Name: "pl"})

	l.Infof("daemon started -- version %s, configuration %s", "3.12", "/etc/postfix")
	l.Warnf("process %s pid %d exit status %d", "/x/smtpd", 5, 1)
	l.Errorf("bad\nline")
	l.Fatalf("100%% %s", errors.New("gone"))
	l.Panicf("master_reap: unknown pid: %d", 3)

	s.expect(t, "<134>Mar  4 05:06:07 pl/master[77]: daemon started -- version 3.12, configuration /etc/postfix")
	s.expect(t, "<132>Mar  4 05:06:07 pl/master[77]: warning: process /x/smtpd pid 5 exit status 1")
	s.expect(t, "<131>Mar  4 05:06:07 pl/master[77]: error: bad?line")
	s.expect(t, "<130>Mar  4 05:06:07 pl/master[77]: fatal: 100% gone")
	s.expect(t, "<130>Mar  4 05:06:07 pl/master[77]: panic: master_reap: unknown pid: 3")
}

func TestPostlog(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	for _, c := range []struct{ host, want string }{
		{"", "amnesiac"}, {".x", "amnesiac"}, {"mx.example.com", "mx"}, {"mx", "mx"},
	} {
		open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: c.host})
		l.Warnf("x")
		s.expect(t, stamp+c.want+" postfix/master[77]: warning: x")
	}
	l.Infof("%s", strings.Repeat("y", 3000))
	s.expect(t, stamp+"mx postfix/master[77]: "+strings.Repeat("y", 2000))
}

func TestDerivedLoggers(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx", Name: "one"})
	spawn := l.Named("spawn")
	policy := spawn.With("one/policy/spawn").ForPid(88)
	clone := l.Clone()
	clone.Clock(newClock().Now)

	spawn.Infof("a")
	policy.Infof("b")
	s.expect(t, stamp+"mx one/spawn[77]: a")
	s.expect(t, stamp+"mx one/policy/spawn[88]: b")

	// A new configuration reaches every logger but the clone.
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx", Name: "two"})
	spawn.Infof("c")
	policy.Infof("d")
	clone.Infof("e")
	s.expect(t, stamp+"mx two/spawn[77]: c")
	s.expect(t, stamp+"mx one/policy/spawn[88]: d")
	s.expect(t, stamp+"mx one/master[77]: e")
	clone.Close()
}

func TestDebugNeedsVerbose(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	l.Debugf("hidden")
	s.empty(t)
	l.Verbose = 1
	l.Named("x").Debugf("shown")
	s.expect(t, stamp+"mx postfix/x[77]: shown")
}

func TestEnvironmentChoosesFirst(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	t.Setenv(maillog.EnvTag, "postfix-two")
	t.Setenv(maillog.EnvService, path)
	t.Setenv(maillog.EnvHostname, "mx.example.com")
	l := maillog.New("master")
	l.Clock(newClock().Now)
	l.Fatalf("open lock file")
	s.expect(t, fmt.Sprintf("%smx postfix-two/master[%d]: fatal: open lock file", stamp, os.Getpid()))
	l.Close()
}

// A reader that has stopped reading must not stop the writer. What it misses
// is counted, what it does not miss is in order.
func TestFullSocketNeverBlocks(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})

	const sent = 3000
	for i := range sent {
		l.Infof("line %d", i)
	}
	if !l.Pending() || l.FD() < 0 || l.Lost() == 0 {
		t.Fatalf("pending %v, descriptor %d, lost %d", l.Pending(), l.FD(), l.Lost())
	}
	lost := int(l.Lost())
	if kept := sent - lost; kept < 1000 || kept > 2000 {
		t.Errorf("%d lines kept", kept)
	}
	for i := range sent - lost {
		s.expect(t, fmt.Sprintf("%smx postfix/master[77]: line %d", stamp, i))
		l.Flush()
	}
	notice := fmt.Sprintf("%smx postfix/master[%d]: warning: %d log lines lost: their destination did not take them in time",
		stamp, os.Getpid(), lost)
	s.expect(t, notice)
	if l.Pending() || l.FD() >= 0 {
		t.Errorf("pending %v, descriptor %d after all was read", l.Pending(), l.FD())
	}
	l.Infof("after")
	s.expect(t, stamp+"mx postfix/master[77]: after")
}

// The line about lost ones stands where they are missing, also when later
// lines find room in the queue again.
func TestLossIsToldInPlace(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	last := 0
	for l.Lost() < 5 {
		l.Infof("line %d", last)
		last++
	}
	s.expect(t, stamp+"mx postfix/master[77]: line 0")
	l.Infof("late") // the room for this one has just been made

	for i := 1; i < last-5; i++ {
		s.expect(t, fmt.Sprintf("%smx postfix/master[77]: line %d", stamp, i))
		l.Flush()
	}
	if got := s.next(t); !strings.Contains(got, "warning: 5 log lines lost") {
		t.Errorf("got %q", got)
	}
	s.expect(t, stamp+"mx postfix/master[77]: late")
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: socketPath(t)})
	const fit = 256 << 10 / 2000
	for range 2 * fit {
		l.Infof("%s", strings.Repeat("x", 2000))
	}
	if lost := l.Lost(); lost < fit-2 || lost > fit {
		t.Errorf("%d lines lost, want about %d", lost, fit)
	}
}

func TestRestartedServer(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	c := newClock()
	l := newLogger(t, c)
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path})
	l.Infof("one")
	s.expect(t, "<22>Mar  4 05:06:07 postfix/master[77]: one")

	// Replaced between two lines: none is lost and no time has to pass.
	restart(t, s, path)
	s = serve(t, path)
	l.Infof("two")
	s.expect(t, "<22>Mar  4 05:06:07 postfix/master[77]: two")

	// Absent for a while: lines wait, with the time at which they were written.
	restart(t, s, path)
	l.Infof("three")
	if !l.Pending() || l.FD() >= 0 {
		t.Errorf("pending %v, descriptor %d without a server", l.Pending(), l.FD())
	}
	s = serve(t, path)
	c.now = c.now.Add(time.Second - 1)
	l.Infof("four")
	s.empty(t) // it is not asked for at every line
	c.now = c.now.Add(1)
	l.Infof("five")
	s.expect(t, "<22>Mar  4 05:06:07 postfix/master[77]: three")
	s.expect(t, "<22>Mar  4 05:06:07 postfix/master[77]: four")
	s.expect(t, "<22>Mar  4 05:06:08 postfix/master[77]: five")
}

func restart(t *testing.T, s server, path string) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// The program watches what FD returns. It must hear of each change, and of a
// descriptor's end before it is closed.
func TestOnPending(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	var heard []int
	watched, quiet := -1, false
	l.OnPending(func() {
		if watched >= 0 {
			if _, err := fcntlGetFD(watched); err != nil {
				t.Errorf("descriptor %d was closed while it was watched", watched)
			}
		}
		watched = l.FD()
		heard = append(heard, watched)
		if !quiet {
			l.Infof("from the hook") // must do no harm
		}
	})

	for !l.Pending() {
		l.Infof("fill")
	}
	if len(heard) != 1 || watched < 0 {
		t.Fatalf("heard %v when the socket was full", heard)
	}
	quiet = true // or it would fill the place of each line that is read
	for l.Pending() {
		s.next(t)
		l.Flush()
	}
	quiet = false
	if len(heard) != 2 || watched != -1 {
		t.Fatalf("heard %v when it was empty", heard)
	}

	for l.FD() < 0 {
		l.Infof("fill again")
	}
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path + ".none"})
	// Once before the old descriptor is closed, once because the new one is not there.
	if len(heard) != 5 || heard[3] != -1 || watched != -1 {
		t.Fatalf("heard %v when the destination changed", heard)
	}
}

func TestOpenMovesQueuedLines(t *testing.T) {
	path := socketPath(t)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path, Name: "old"})
	l.Infof("early")

	file := filepath.Join(t.TempDir(), "log")
	open(t, l, maillog.Dest{Kind: maillog.File, File: file, Host: "mx", Name: "new"})
	l.Infof("late")
	expectFile(t, file, stamp+"mx old/master[77]: early\n"+stamp+"mx new/master[77]: late\n")
}

func TestOpenRefuses(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	dir := t.TempDir()
	for want, d := range map[string]maillog.Dest{
		"log: unknown syslog facility: post":                              {Kind: maillog.Syslog, Facility: "post"},
		"log: no file name":                                               {Kind: maillog.File},
		"log: JSON is for files, standard output and standard error only": {Kind: maillog.Syslog, Format: maillog.JSON},
		"open logfile '" + dir + "/a/b': cannot create file exclusively: No such file or directory": {
			Kind: maillog.File, File: dir + "/a/b",
		},
		"open logfile '" + dir + "': cannot open file: Is a directory": {Kind: maillog.Postlog, Path: path, File: dir},
	} {
		if err := l.Open(d); err == nil || err.Error() != want {
			t.Errorf("%+v:\n got %v\nwant %s", d, err, want)
		}
		l.Infof("still")
		s.expect(t, stamp+"mx postfix/master[77]: still")
	}
}

func TestStrerror(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.ENOENT, "No such file or directory"},
		{fmt.Errorf("x: %w", os.NewSyscallError("flock", syscall.EACCES)), "Permission denied"},
		{errors.New("no errno"), "no errno"},
	} {
		if got := maillog.Strerror(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

func BenchmarkSyslog(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	l := maillog.New("master")
	if err := l.Open(maillog.Dest{Kind: maillog.Syslog, Path: path}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	line := make([]byte, 8192)
	for b.Loop() {
		l.Warnf("process %s pid %d exit status %d", "/usr/lib/postfix/sbin/smtpd", 4711, 1)
		if _, err := c.Read(line); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTap is told of the lines of every logger that shares the destination.
func TestTap(t *testing.T) {
	l := maillog.New("one")
	if err := l.Open(maillog.Dest{Kind: maillog.File, File: filepath.Join(t.TempDir(), "log")}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got []string
	l.Tap(func(tag, severity, text string) { got = append(got, tag+" "+severity+" "+text) })
	l.Errorf("number %d", 1)
	l.With("other/tag").Infof("two\n")
	l.Debugf("nobody asked")
	if want := []string{"postfix/one error number 1", "other/tag info two?"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
