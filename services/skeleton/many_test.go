// SPDX-License-Identifier: ISC

package skeleton

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/services/skeleton/mastertest"

	"golang.org/x/sys/unix"
)

// talk is a Server whose clients send lines: "busy" leaves a request without an
// answer until another client says "done", "hog" takes the processor, "fatal"
// ends the process, "die" kills it, and anything else comes back.
type talk struct {
	d     *Daemon
	waits []*talker
}

type talker struct {
	t     *talk
	c     *loop.Conn
	waits bool
	leave bool
}

func (t *talk) Connected(loop.Peer) (Session, loop.Limits) {
	return &talker{t: t}, loop.Limits{}
}

func (k *talker) Opened(c *loop.Conn) {
	k.c = c
	c.Write([]byte("hello\n"))
}

func (k *talker) Data(c *loop.Conn, in []byte) int {
	line, _, ok := strings.Cut(string(in), "\n")
	if !ok {
		return 0
	}
	switch line {
	case "busy":
		k.waits = true
		k.t.waits = append(k.t.waits, k)
		c.Hold()
	case "done":
		for _, w := range k.t.waits {
			w.waits = false
			w.answer("done")
			w.c.Again()
		}
		k.t.waits = nil
	case "hog":
		for began := time.Now(); time.Since(began) < 2*slowTurn; {
		}
	case "fatal":
		k.t.d.Fatalf("so it is")
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "error":
		k.t.d.Log.Errorf("nothing serious")
	}
	if !k.waits {
		k.answer(line)
	}
	return len(line) + 1
}

func (k *talker) answer(text string) {
	k.c.Write([]byte(text + "\n"))
	if k.leave {
		k.c.Close(nil)
	}
}

func (k *talker) Closed(*loop.Conn, error) {}

func (k *talker) Leave() {
	if k.leave = true; !k.waits {
		k.c.Close(nil)
	}
}

// many starts a process that is one of many clients.
func startMany(t *testing.T, o mastertest.Options) *mastertest.Daemon {
	t.Helper()
	o.Env = append(o.Env, "REQUIRES=many")
	return mastertest.Start(t, o)
}

func greeted(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	if got := mastertest.Line(t, conn); got != "hello" {
		t.Errorf("the greeting is %q", got)
	}
	return conn
}

func ask(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	if got := mastertest.Ask(t, conn, line); got != line {
		t.Errorf("asked %q, got %q", line, got)
	}
}

// TestManyClients are served side by side, and the master hears once that the
// process is of use.
func TestManyClients(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"unix", "inet"} {
		d := startMany(t, mastertest.Options{Transport: transport})
		var conns []net.Conn
		for range 50 {
			conns = append(conns, greeted(t, d.Dial()))
		}
		d.Silent()
		for range 3 {
			for _, c := range conns {
				ask(t, c, "one of many")
			}
		}
		d.Says(taken, available)
		d.Silent()
	}
}

// TestUseComesBeforeTheEnd: a process that dies of its first request has been
// of no use, and one that dies of its second has.
func TestUseComesBeforeTheEnd(t *testing.T) {
	t.Parallel()
	d := startMany(t, mastertest.Options{})
	conn := greeted(t, d.Dial())
	_, err := conn.Write([]byte("die\n"))
	must(t, err)
	if status, _ := d.Wait(); status.Signal() != syscall.SIGKILL {
		t.Errorf("the end is %#x", status)
	}
	d.Silent()

	d = startMany(t, mastertest.Options{})
	conn = greeted(t, d.Dial())
	ask(t, conn, "first")
	_, err = conn.Write([]byte("die\n"))
	must(t, err)
	d.Wait()
	d.Says(taken, available)
}

// TestManyMaxUse counts connections that were closed, and waits for all others.
func TestManyMaxUse(t *testing.T) {
	t.Parallel()
	d := startMany(t, mastertest.Options{Main: "max_use = 3\n"})
	stays := greeted(t, d.Dial())
	for range 5 {
		conn := greeted(t, d.Dial())
		ask(t, conn, "hello again")
		must(t, conn.Close())
	}
	ask(t, stays, "still here")
	must(t, stays.Close())
	d.Exits(0)
	d.Says(taken, available)
	d.Silent()
}

// TestManyMaxIdle: only a process without clients is idle.
func TestManyMaxIdle(t *testing.T) {
	t.Parallel()
	startMany(t, mastertest.Options{Args: []string{"-i1"}}).Exits(0)
	d := startMany(t, mastertest.Options{Args: []string{"-i1"}})
	conn := greeted(t, d.Dial())
	second := greeted(t, d.Dial())
	must(t, second.Close())
	startMany(t, mastertest.Options{Args: []string{"-i1"}}).Exits(0)
	ask(t, conn, "still here")
	must(t, conn.Close())
	d.Exits(0)
	if _, took := d.Wait(); took < time.Second {
		t.Errorf("it ended after %s", took)
	}
}

// TestManyRetire: -r does not send anybody away.
func TestManyRetire(t *testing.T) {
	t.Parallel()
	d := startMany(t, mastertest.Options{Args: []string{"-r1"}})
	conn := greeted(t, d.Dial())
	startMany(t, mastertest.Options{Args: []string{"-r1"}}).Exits(0)
	ask(t, conn, "still here")
	must(t, conn.Close())
	d.Exits(0)
}

// TestManyReload: clients that wait for nothing are sent away at once, others
// with their answer, and nobody is accepted.
func TestManyReload(t *testing.T) {
	t.Parallel()
	m := mastertest.New(t, mastertest.Options{})
	d := startMany(t, mastertest.Options{Master: m})
	idle, busy, other := greeted(t, d.Dial()), greeted(t, d.Dial()), greeted(t, d.Dial())
	ask(t, idle, "before")
	for _, c := range []net.Conn{busy, other} {
		_, err := c.Write([]byte("busy\n"))
		must(t, err)
	}
	_, err := other.Write([]byte("done\n"))
	must(t, err)
	ask(t, idle, "both have asked")
	m.Reload()
	if got := ended(t, idle); got != "" {
		t.Errorf("got %q", got)
	}
	waiting := m.Dial()
	must(t, waiting.Close())
	if !d.Runs() {
		t.Error("it left two clients without an answer")
	}
	_ = unix.Kill(d.Pid, unix.SIGKILL) // nobody is left to say "done"
	d.Wait()

	d = startMany(t, mastertest.Options{Main: "application_event_drain_time = 1\n"})
	busy = greeted(t, d.Dial())
	_, err = busy.Write([]byte("busy\n"))
	must(t, err)
	idle = greeted(t, d.Dial())
	ask(t, idle, "busy has asked")
	d.Reload()
	if got := ended(t, idle) + ended(t, busy); got != "" {
		t.Errorf("got %q", got)
	}
	d.Exits(0)
}

// TestManyReloadAnswers: what is due comes before the end.
func TestManyReloadAnswers(t *testing.T) {
	s := newManyStage(t, cfg.Params{DrainTime: time.Minute})
	busy, idle := s.dial(), s.dial()
	put(t, busy, "busy\n")
	s.turn()
	must(t, unix.Shutdown(s.master, unix.SHUT_WR))
	s.turn()
	s.turn()
	if got := received(t, idle); got != "hello\n" {
		t.Errorf("the idle client got %q", got)
	}
	if s.ended() {
		t.Fatal("the end, with an answer due")
	}
	for _, k := range s.talk.waits {
		k.waits = false
		k.answer("done")
		k.c.Again()
	}
	s.turn()
	if got := received(t, busy); got != "hello\ndone\n" || !s.ended() {
		t.Errorf("the busy client got %q; ended: %v", got, s.ended())
	}
}

// TestManyTaken: while requests take long the master is to start another
// process, and not any more when they have not for a while.
func TestManyTaken(t *testing.T) {
	s := newManyStage(t, cfg.Params{})
	conn := s.dial()
	put(t, conn, "quick\n")
	s.turn()
	s.says(taken, available)
	for range 3 {
		put(t, conn, "hog\n")
		s.turn()
	}
	s.says(taken)
	looptest.Advance(s.Loop, calmTime/2)
	put(t, conn, "hog\n")
	s.turn()
	looptest.Advance(s.Loop, calmTime/2)
	s.turn()
	s.says()
	looptest.Advance(s.Loop, calmTime/2)
	s.turn()
	s.says(available)
	put(t, conn, "hog\n")
	s.turn()
	s.says(taken)
	must(t, unix.Close(conn))
	s.turn()
}

// TestManyFatal: the clients see the end when the process ends.
func TestManyFatal(t *testing.T) {
	t.Parallel()
	d := startMany(t, mastertest.Options{})
	conn, other := greeted(t, d.Dial()), greeted(t, d.Dial())
	for range maxErrors + 1 { // which are not the end of a process for many
		ask(t, conn, "error")
	}
	_, err := conn.Write([]byte("fatal\n"))
	must(t, err)
	ended(t, other)
	d.Exits(1)
	d.WaitLog("fatal: so it is")
}

// TestManyStandAlone: -S serves standard input.
func TestManyStandAlone(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	theirs, ours := os.NewFile(uintptr(fds[1]), "theirs"), os.NewFile(uintptr(fds[0]), "ours")
	conn, err := net.FileConn(ours)
	must(t, err)
	must(t, ours.Close())
	d := startMany(t, mastertest.Options{Transport: "-", Stdin: theirs, NoStatus: true, Args: []string{"-S"}})
	must(t, theirs.Close())
	ask(t, greeted(t, conn), "alone")
	must(t, conn.Close())
	d.Exits(0)
}

// manyStage is a stage for a Server.
type manyStage struct {
	*stage
	talk *talk
}

func newManyStage(t *testing.T, p cfg.Params) *manyStage {
	t.Helper()
	s := newStage(t, cfg.Unix, p)
	m := &manyStage{stage: s, talk: &talk{d: s.Daemon}}
	s.many = newMany(s.Daemon, m.talk)
	s.service = s.many
	t.Cleanup(func() {
		s.many.Close()
		s.turn()
	})
	return m
}

func put(t *testing.T, fd int, text string) {
	t.Helper()
	_, err := unix.Write(fd, []byte(text))
	must(t, err)
}

// received is all that comes up to the end.
func received(t *testing.T, fd int) string {
	t.Helper()
	var text []byte
	for buf := make([]byte, 512); ; {
		must(t, unix.SetNonblock(fd, true))
		n, err := unix.Read(fd, buf)
		if err != nil {
			t.Errorf("after %q: %v", text, err)
			return string(text)
		}
		if n == 0 {
			return string(text)
		}
		text = append(text, buf[:n]...)
	}
}

// TestManyUsedUpWithAClientWaiting: that one may have woken this process, and no
// other.
func TestManyUsedUpWithAClientWaiting(t *testing.T) {
	s := newManyStage(t, cfg.Params{MaxUse: 1})
	must(t, unix.Close(s.dial()))
	s.knock()
	s.turn() // sees the end of the first, and the second
	s.turn()
	if s.ended() || s.many.Len() != 1 {
		t.Fatalf("ended: %v, with %d clients", s.ended(), s.many.Len())
	}
	// Another process was quicker.
	s = newManyStage(t, cfg.Params{MaxUse: 1})
	s.many.usedUp()
	if !s.ended() {
		t.Error("nobody is there, and it does not leave")
	}
	s = newManyStage(t, cfg.Params{MaxUse: 1})
	s.knock()
	s.many.usedUp()
	if s.ended() {
		t.Error("it left a client that knocks")
	}
	fd, _, err := unix.Accept(s.listenFD)
	must(t, err)
	must(t, unix.Close(fd))
	looptest.Advance(s.Loop, quitTime)
	s.turn()
	if !s.ended() {
		t.Error("it does not leave when the client has found somebody else")
	}
}
