// SPDX-License-Identifier: ISC

package spawn

import (
	"os"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// stage is a hosted service on a loop whose time the test moves.
type stage struct {
	t            *testing.T
	l            *loop.Loop
	h            *Service
	done, failed int
	log          string
}

func TestMain(m *testing.M) {
	// As a program does that uses the loop: what we were given is not for commands.
	if err := loop.CloseOnExecFrom(3); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func newStage(t *testing.T, limit time.Duration, argv ...string) *stage {
	t.Helper()
	s := &stage{t: t, l: looptest.New(t), log: t.TempDir() + "/log"}
	log := maillog.New("spawn")
	if err := log.Open(maillog.Dest{Kind: maillog.File, File: s.log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	path, err := lookPath(argv[0], "", "/")
	if err != nil {
		path = argv[0]
	}
	c := &Config{Argv: argv, Path: path, Env: []string{"PATH=" + commandPath}, UID: -1, GID: -1, TimeLimit: limit}
	s.h = New(s.l, log, c, func() { s.done++ })
	return s
}

// client hands one end of a connection to the service.
func (s *stage) client() (fd int) {
	ours, theirs := looptest.Pair(s.t)
	_ = unix.SetNonblock(theirs, false)
	if err := s.h.Accepted(theirs, loop.Peer{}); err != nil {
		unix.Close(theirs)
		s.failed++
	}
	return ours
}

// all reads until the connection ends, while the loop turns.
func (s *stage) all(fd int) string {
	s.t.Helper()
	text, ended := "", false
	w, err := s.l.Watch(fd, loop.Readable, func(loop.Ready) {
		var buf [512]byte
		n, err := unix.Read(fd, buf[:])
		if n > 0 {
			text += string(buf[:n])
		}
		ended = n == 0 || err != nil && err != unix.EAGAIN
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Stop()
	looptest.Until(s.t, s.l, func() bool { return ended })
	return text
}

func (s *stage) logged(text string) bool {
	all, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Contains(string(all), text)
}

func (s *stage) finish(n int) {
	s.t.Helper()
	looptest.Until(s.t, s.l, func() bool { return s.done == n })
	if len(s.h.running) != 0 || s.l.Children() != 0 {
		s.t.Errorf("%d commands, %d children left", len(s.h.running), s.l.Children())
	}
}

func TestCommandTalksToItsClient(t *testing.T) {
	s := newStage(t, time.Minute, "cat")
	fd := s.client()
	if _, err := unix.Write(fd, []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if got := s.all(fd); got != "hello\n" {
		t.Errorf("cat answered %q", got)
	}
	s.finish(1)
	if s.logged("command") {
		t.Error("an ordinary end is in the log")
	}
}

// TestCommandHasNothingElse looks at what a command starts with.
func TestCommandHasNothingElse(t *testing.T) {
	s := newStage(t, time.Minute, "sh", "-c", `for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$i ] && printf "%s " $i; done; echo; [ $(ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat) -eq $$ ] && echo leader; echo trouble >&2; env`)
	got := s.all(s.client())
	for _, want := range []string{"0 1 2 \n", "leader\n", "trouble\n", "PATH=" + commandPath + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	s.finish(1)
}

func TestTimeLimitEndsTheWholeGroup(t *testing.T) {
	s := newStage(t, time.Minute, "sh", "-c", "trap '' TERM; echo here; sleep 1000 & sleep 1000")
	fd := s.client()
	w, err := s.l.Watch(fd, loop.Readable, func(loop.Ready) {})
	if err != nil {
		t.Fatal(err)
	}
	var buf [16]byte
	looptest.Until(t, s.l, func() bool { n, _ := unix.Read(fd, buf[:]); return n > 0 })
	w.Stop()
	looptest.Advance(s.l, time.Minute)
	if got := s.all(fd); got != "" { // the end of the connection: nobody holds it
		t.Errorf("got %q", got)
	}
	s.finish(1)
	for _, text := range []string{"warning: sh: process id ", ": command time limit exceeded", "warning: command sh killed by signal 9"} {
		if !s.logged(text) {
			t.Errorf("%q is not in the log", text)
		}
	}
}

func TestAbnormalEndsAreLogged(t *testing.T) {
	s := newStage(t, time.Minute, "sh", "-c", "exit 3")
	s.client()
	s.finish(1)
	if !s.logged("warning: command sh exit status 3") {
		t.Error("an exit status is not in the log")
	}
	s = newStage(t, time.Minute, "sh", "-c", "kill -15 $$")
	s.client()
	s.finish(1)
	if !s.logged("warning: command sh killed by signal 15") {
		t.Error("a signal is not in the log")
	}
}

// TestScriptWithoutAForm is a shell's, as execvp(3) has it.
func TestScriptWithoutAForm(t *testing.T) {
	path := t.TempDir() + "/script"
	if err := os.WriteFile(path, []byte("echo $0 $1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, time.Minute, path, "one")
	if got := s.all(s.client()); got != path+" one\n" {
		t.Errorf("got %q", got)
	}
	s.finish(1)
}

func TestMissingCommand(t *testing.T) {
	s := newStage(t, time.Minute, "/no/such/command")
	if got := s.all(s.client()); got != "" {
		t.Errorf("client got %q", got)
	}
	s.finish(1)
	if !s.logged("fatal: spawn_comand: execvp /no/such/command: No such file or directory") {
		t.Error("the failure is not in the log")
	}
}

func TestShutdown(t *testing.T) {
	s := newStage(t, time.Hour, "sh", "-c", "trap '' TERM; echo; sleep 1000")
	polite := newStage(t, time.Hour, "sleep", "1000")
	fd := s.client()
	polite.client()
	w, err := s.l.Watch(fd, loop.Readable, func(loop.Ready) {})
	if err != nil {
		t.Fatal(err)
	}
	var buf [16]byte
	looptest.Until(t, s.l, func() bool { n, _ := unix.Read(fd, buf[:]); return n > 0 })
	w.Stop()
	polite.h.Shutdown(false)
	polite.finish(1)
	s.h.Shutdown(true)
	s.finish(1)
	if s.logged("killed") || polite.logged("killed") {
		t.Error("the end that was asked for is in the log as an abnormal one")
	}
}
