// SPDX-License-Identifier: ISC

package spawn

import (
	"math/rand/v2"
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
	t            testing.TB
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

func newStage(t testing.TB, limit time.Duration, argv ...string) *stage {
	t.Helper()
	return newStageOf(t, Config{TimeLimit: limit}, argv...)
}

// newStageOf is newStage with more than a command and its time.
func newStageOf(t testing.TB, c Config, argv ...string) *stage {
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
	c.Argv, c.Path, c.UID, c.GID = argv, path, -1, -1
	c.Env = append(c.Env, "PATH="+commandPath)
	s.h = New(s.l, log, &c)
	return s
}

// client hands one end of a connection to the service.
func (s *stage) client() (fd int) {
	ours, theirs := looptest.Pair(s.t)
	_ = unix.SetNonblock(theirs, false)
	if err := s.h.Accepted(theirs, loop.Peer{}, func() { s.done++ }); err != nil {
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
	if s.h.running != nil || s.l.Children() != 0 {
		s.t.Errorf("commands left: %v; %d children", s.h.running != nil, s.l.Children())
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

// TestTextIsForTheShell: a command without "#!" worked under Postfix, whose
// execvp(3) gives it to the shell.
func TestTextIsForTheShell(t *testing.T) {
	path := t.TempDir() + "/text"
	if err := os.WriteFile(path, []byte("echo \"$0\" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, time.Minute, path, "one", "two words")
	if got, want := s.all(s.client()), path+" one two words\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.finish(1)
	if s.logged("exec") {
		t.Error("what was executed in the end is in the log as a failure")
	}
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

// TestManyAtOnce: commands come and go in any order, and each is counted once.
func TestManyAtOnce(t *testing.T) {
	const n = 40
	s := newStage(t, time.Minute, "cat")
	var clients []int
	for range n {
		clients = append(clients, s.client())
	}
	for _, i := range rand.Perm(n)[:n/2] {
		if err := unix.Shutdown(clients[i], unix.SHUT_WR); err != nil {
			t.Fatal(err)
		}
	}
	looptest.Until(t, s.l, func() bool { return s.done == n/2 })
	for range n / 2 { // these use again what the first half has left
		s.client()
	}
	s.h.Shutdown(false)
	s.finish(n + n/2)
}

// TestClientsLeaveNoGarbage: what a client costs is system calls.
func TestClientsLeaveNoGarbage(t *testing.T) {
	s := newStage(t, time.Minute, "true")
	count := 0
	done := func() { s.done++ }
	n := testing.AllocsPerRun(30, func() {
		count++
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
		if err := s.h.Accepted(pair[0], loop.Peer{}, done); err != nil {
			t.Fatal(err)
		}
		unix.Close(pair[1])
		for s.done < count {
			if err := s.l.Turn(-1); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n > 0 && s.l.Confines() { // the standard library's way of starting makes some
		t.Errorf("%v allocations per client", n)
	}
}
