// SPDX-License-Identifier: ISC

package skeleton

import (
	"os"
	"testing"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// recorder is a service that only remembers.
type recorder struct {
	t       *testing.T
	clients []int
}

func (r *recorder) Accepted(fd int, _ loop.Peer) {
	r.clients = append(r.clients, fd)
	r.t.Cleanup(func() { _ = unix.Close(fd) })
}

// stage is a daemon inside the test, whose time the test moves.
type stage struct {
	*Daemon
	t      *testing.T
	s      *recorder
	log    string
	master int // the other end of the status channel
	path   string
}

func newStage(t *testing.T, transport cfg.Type, p cfg.Params) *stage {
	t.Helper()
	l := looptest.New(t)
	dir, err := os.MkdirTemp("", "st")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stage{t: t, s: &recorder{t: t}, log: dir + "/log", path: dir + "/s"}
	log := maillog.New("daemon")
	must(t, log.Open(maillog.Dest{Kind: maillog.File, File: s.log}))
	t.Cleanup(log.Close)
	ln, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	unix.CloseOnExec(ln)
	must(t, unix.Bind(ln, &unix.SockaddrUnix{Name: s.path}))
	must(t, unix.Listen(ln, 10))
	t.Cleanup(func() { _ = unix.Close(ln) })
	var theirs int
	s.master, theirs = looptest.Pair(t)
	s.Daemon = &Daemon{Loop: l, Log: log, Params: &p, transport: transport, service: s.s, listenFD: ln, statusFD: theirs, f: flags{sockets: 1}}
	must(t, s.begin(nil))
	t.Cleanup(func() { s.end(0) })
	return s
}

// knock connects.
func (s *stage) knock() (fd int) {
	s.t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(s.t, err)
	unix.CloseOnExec(fd)
	must(s.t, unix.Connect(fd, &unix.SockaddrUnix{Name: s.path}))
	s.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// dial connects, and lets the daemon see it.
func (s *stage) dial() (fd int) {
	s.t.Helper()
	fd = s.knock()
	s.turn()
	return fd
}

func (s *stage) turn() {
	s.t.Helper()
	must(s.t, s.Loop.Turn(0))
}

// says expects records from the daemon.
func (s *stage) says(avail ...int32) {
	s.t.Helper()
	for _, want := range avail {
		var buf [proto.StatusSize]byte
		n, err := unix.Read(s.master, buf[:])
		if got, ok := proto.ParseStatus(buf[:max(n, 0)]); !ok || got.Avail != want {
			s.t.Errorf("status % x, %v, want %d", buf[:max(n, 0)], err, want)
		}
	}
	var buf [1]byte
	if n, err := unix.Read(s.master, buf[:]); err != unix.EAGAIN {
		s.t.Errorf("more status: %d, %v", n, err)
	}
}

func (s *stage) logged() string {
	text, err := os.ReadFile(s.log)
	must(s.t, err)
	return string(text)
}
