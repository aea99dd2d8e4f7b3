// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// socket listens on an address of the family and returns it. The test closes
// the descriptor.
func socket(t testing.TB, family int) (fd int, sa unix.Sockaddr) {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	switch family {
	case unix.AF_INET:
		sa = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	case unix.AF_INET6:
		sa = &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	case unix.AF_UNIX:
		dir, err := os.MkdirTemp("", "loop") // t.TempDir may be too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		sa = &unix.SockaddrUnix{Name: filepath.Join(dir, "socket")}
	}
	if err := unix.Bind(fd, sa); err != nil {
		_ = unix.Close(fd)
		if family == unix.AF_INET6 {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		t.Fatal(err)
	}
	if family != unix.AF_UNIX {
		if sa, err = unix.Getsockname(fd); err != nil {
			t.Fatal(err)
		}
	}
	return fd, sa
}

// dial connects; on loopback the connection is in the queue when it returns.
func dial(t testing.TB, family int, sa unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	return fd
}

func listen(t testing.TB, l *loop.Loop, fd int, accepted func(int, loop.Peer)) *loop.Listener {
	t.Helper()
	ln, err := l.Listen(fd, accepted)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func isSet(t testing.TB, fd, cmd, flag int) bool {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags&flag != 0
}

// TestListen accepts from every family, says who it is, and sets the
// descriptor's modes.
func TestListen(t *testing.T) {
	for name, family := range map[string]int{"127.0.0.1": unix.AF_INET, "::1": unix.AF_INET6, "unix": unix.AF_UNIX} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			fd, sa := socket(t, family)
			var got loop.Peer
			client := -1
			ln := listen(t, l, fd, func(fd int, p loop.Peer) { client, got = fd, p })
			for _, blocking := range []bool{false, true} {
				if blocking {
					ln.Blocking()
				}
				theirs := dial(t, family, sa)
				turn(t, l)
				if client < 0 {
					t.Fatal("not accepted")
				}
				if got.String() != name {
					t.Errorf("the peer is %v", got)
				}
				if p := loop.PeerOf(client); p.String() != got.String() || p.Port() != got.Port() {
					t.Errorf("PeerOf says %v", p)
				}
				checkPeer(t, got, theirs, family)
				if isSet(t, client, unix.F_GETFL, unix.O_NONBLOCK) == blocking {
					t.Errorf("blocking: %v", !blocking)
				}
				if !isSet(t, client, unix.F_GETFD, unix.FD_CLOEXEC) {
					t.Error("not close-on-exec")
				}
				closeFd(t, client)
				closeFd(t, theirs)
				client = -1
			}
			ln.Stop()
			closeFd(t, fd)
		})
	}
}

func checkPeer(t *testing.T, got loop.Peer, theirs, family int) {
	t.Helper()
	uid, gid, pid, ok := got.Cred()
	if family == unix.AF_UNIX {
		if got.Port() != 0 || got.Addr().IsValid() {
			t.Errorf("port %d, address %v", got.Port(), got.Addr())
		}
		if ok && (uid != os.Geteuid() || gid != os.Getegid() || pid != os.Getpid() && pid != 0) {
			t.Errorf("credentials %d %d %d", uid, gid, pid)
		}
		return
	}
	if ok {
		t.Error("a TCP peer has credentials")
	}
	sa, err := unix.Getsockname(theirs)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = sa.Port
	case *unix.SockaddrInet6:
		port = sa.Port
	}
	if got.Port() != port {
		t.Errorf("port %d, is %d", got.Port(), port)
	}
	if got.Addr().String() != got.String() {
		t.Errorf("address %v", got.Addr())
	}
}

// TestPeerMapped: an IPv4 client of a listener for both has its own address.
func TestPeerMapped(t *testing.T) {
	l := looptest.New(t)
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Skip("no IPv6 here")
	}
	defer closeFd(t, fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		t.Skipf("no listener for both families here: %v", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{}); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t, l, fd, func(fd int, p loop.Peer) {
		if p.String() != "127.0.0.1" {
			t.Errorf("the peer is %v", p)
		}
		closeFd(t, fd)
	})
	theirs := dial(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: sa.(*unix.SockaddrInet6).Port})
	turn(t, l)
	closeFd(t, theirs)
	ln.Stop()
}

// TestPeerNone: a pipe has no other end in this sense.
func TestPeerNone(t *testing.T) {
	r, w := pipe(t)
	defer closeFd(t, r)
	defer closeFd(t, w)
	for _, p := range []loop.Peer{loop.PeerOf(r), {}} {
		if _, _, _, ok := p.Cred(); p.String() != "unknown" || p.Port() != 0 || p.Addr().IsValid() || ok {
			t.Errorf("a pipe's peer is %v", p)
		}
	}
}

// crowd has n clients connect.
func crowd(t testing.TB, sa unix.Sockaddr, n int) {
	t.Helper()
	for range n {
		fd := dial(t, unix.AF_UNIX, sa)
		t.Cleanup(func() { closeFd(t, fd) })
	}
}

// TestListenBatch: a turn accepts so many and no more, and loses nobody.
func TestListenBatch(t *testing.T) {
	l := looptest.New(t)
	fd, sa := socket(t, unix.AF_UNIX)
	n := 0
	ln := listen(t, l, fd, func(fd int, _ loop.Peer) { n++; closeFd(t, fd) })
	crowd(t, sa, 2*loop.Batch+3)
	for _, want := range []int{loop.Batch, 2 * loop.Batch, 2*loop.Batch + 3, 2*loop.Batch + 3} {
		turn(t, l)
		if n != want {
			t.Errorf("%d accepted, wanted %d", n, want)
		}
	}
	ln.Stop()
	closeFd(t, fd)
}

// TestListenPause: Pause and Stop are obeyed in the middle of a batch, whoever
// else is interested in the socket.
func TestListenPause(t *testing.T) {
	t.Run("alone", func(t *testing.T) { listenPause(t, func(*loop.Listener) {}) })
	t.Run("exclusive", func(t *testing.T) { listenPause(t, (*loop.Listener).Exclusive) })
}

func listenPause(t *testing.T, set func(*loop.Listener)) {
	t.Helper()
	l := looptest.New(t)
	fd, sa := socket(t, unix.AF_UNIX)
	n := 0
	var ln *loop.Listener
	ln = listen(t, l, fd, func(fd int, _ loop.Peer) {
		closeFd(t, fd)
		switch n++; n {
		case 3:
			ln.Pause()
		case 5:
			ln.Stop()
			ln.Resume() // too late
		}
	})
	set(ln)
	crowd(t, sa, 8)
	for _, step := range []struct {
		act  func()
		want int
	}{{func() {}, 3}, {func() {}, 3}, {func() { ln.Resume() }, 5}, {func() { ln.Resume() }, 5}, {func() { ln.Stop() }, 5}} {
		step.act()
		turn(t, l)
		if n != step.want {
			t.Fatalf("%d accepted, wanted %d", n, step.want)
		}
	}
	// Stopped is not closed: somebody else may go on with it.
	ln = listen(t, l, fd, func(fd int, _ loop.Peer) { n++; closeFd(t, fd) })
	set(ln)
	turn(t, l)
	if n != 8 {
		t.Errorf("%d accepted", n)
	}
	ln.Stop()
	closeFd(t, fd)
}

// TestListenTrouble: without descriptors the listener says so once, does not
// spin, tries again, and says when it is over.
func TestListenTrouble(t *testing.T) {
	l := looptest.New(t)
	fd, sa := socket(t, unix.AF_UNIX)
	accepted := 0
	var trouble []error
	ln := listen(t, l, fd, func(fd int, _ loop.Peer) { accepted++; closeFd(t, fd) })
	ln.OnTrouble(func(err error) { trouble = append(trouble, err) })
	crowd(t, sa, 3)
	release := exhaust(t)
	turn(t, l)
	if len(trouble) != 1 || !errors.Is(trouble[0], unix.EMFILE) || accepted != 0 {
		t.Errorf("trouble %v, %d accepted", trouble, accepted)
	}
	events := l.Stats().Events
	for range 10 { // not asked, however often the loop turns
		turn(t, l)
	}
	if n := l.Stats().Events - events; n != 0 {
		t.Errorf("%d events while it waits", n)
	}
	for range 20 { // it tries again and again, and says no more
		looptest.Advance(l, 100*ms)
	}
	tries := l.Stats().Events - events
	if tries == 0 || tries > 8 {
		t.Errorf("%d tries in 2 s", tries)
	}
	ln.Pause()
	ln.Resume() // does not mean at once
	turn(t, l)
	release()
	looptest.Advance(l, 2*1000*ms)
	turn(t, l)
	if len(trouble) != 2 || trouble[1] != nil || accepted != 3 {
		t.Errorf("trouble %v, %d accepted", trouble, accepted)
	}
	// Stopped in trouble, it leaves no timer.
	crowd(t, sa, 1)
	release = exhaust(t)
	turn(t, l)
	release()
	ln.Stop()
	closeFd(t, fd)
}

// TestListenRefused: what does not listen cannot be accepted from.
func TestListenRefused(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	r, w := pipe(t)
	defer closeFd(t, r)
	defer closeFd(t, w)
	closeFd(t, theirs)
	for fd, want := range map[int]error{ours: unix.EINVAL, r: unix.ENOTSOCK, theirs: unix.EBADF} {
		if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == unix.ENOPROTOOPT {
			continue // cannot be told here
		}
		_, err := l.Listen(fd, func(int, loop.Peer) {})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "listen on descriptor") {
			t.Errorf("%v, wanted %v", err, want)
		}
	}
	var none *loop.Listener
	none.Stop()
}

// TestSocket: a new socket does not block, and is not there in other programs.
func TestSocket(t *testing.T) {
	fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !isSet(t, fd, unix.F_GETFL, unix.O_NONBLOCK) || !isSet(t, fd, unix.F_GETFD, unix.FD_CLOEXEC) {
		t.Error("it blocks, or programs get it")
	}
	if fd, err := loop.Socket(-1, unix.SOCK_STREAM); fd >= 0 || err == nil {
		t.Errorf("a socket of no family: %d, %v", fd, err)
	}
}
