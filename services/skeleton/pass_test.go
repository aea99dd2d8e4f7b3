// SPDX-License-Identifier: ISC

package skeleton

import (
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/loop/looptest"
	"postloop/services/attr"

	"golang.org/x/sys/unix"
)

// pair returns a client's two ends, of which the second is to be handed over.
func pair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		must(t, unix.SetNonblock(fd, true))
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	return fds[0], fds[1]
}

func send(t *testing.T, fd int, text string, rights ...int) {
	t.Helper()
	var oob []byte
	if len(rights) > 0 {
		oob = unix.UnixRights(rights...)
	}
	must(t, unix.Sendmsg(fd, []byte(text), oob, nil, 0))
}

var someAttributes = string(attr.Append(nil, attr.Attr{Name: "client_address", Value: "192.0.2.1"}, attr.Attr{Name: "client_port", Value: "25"}))

// TestPass: the descriptor is the client, however what comes is cut.
func TestPass(t *testing.T) {
	all := "\x00" + someAttributes
	for cut := 1; cut <= len(all); cut++ {
		s := newStage(t, cfg.Pass, cfg.Params{})
		ours, theirs := pair(t)
		via := s.dial()
		s.says(taken)
		send(t, via, all[:cut], theirs)
		s.turn()
		if cut < len(all) {
			if len(s.s.clients) != 0 {
				t.Fatalf("cut at %d: a client before its attributes", cut)
			}
			send(t, via, all[cut:])
			s.turn()
		}
		if len(s.s.clients) != 1 {
			t.Fatalf("cut at %d: no client", cut)
		}
		// It is the one that was sent, and blocking.
		must(t, unix.Close(theirs))
		if mode, err := unix.FcntlInt(uintptr(s.s.clients[0]), unix.F_GETFL, 0); err != nil || mode&unix.O_NONBLOCK != 0 {
			t.Errorf("mode %#x, %v", mode, err)
		}
		if flags, err := unix.FcntlInt(uintptr(s.s.clients[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %#x, %v", flags, err)
		}
		send(t, s.s.clients[0], "hello")
		var buf [16]byte
		if n, err := unix.Read(ours, buf[:]); string(buf[:max(n, 0)]) != "hello" {
			t.Errorf("got %q, %v", buf[:max(n, 0)], err)
		}
		s.says()
		if n, err := unix.Read(via, buf[:]); n != 0 || err != nil { // the way is closed
			t.Errorf("got %d, %v", n, err)
		}
		s.Done()
		s.says(available)
		if s.uses != 1 {
			t.Errorf("%d uses", s.uses)
		}
	}
}

// TestPassFails: whoever does not deliver is let go of, and the next is served.
func TestPassFails(t *testing.T) {
	_, theirs := pair(t)
	_, other := pair(t)
	for name, c := range map[string]struct {
		deliver func(s *stage, via int)
		text    string
	}{
		"nothing": {func(s *stage, via int) { must(t, unix.Shutdown(via, unix.SHUT_WR)) }, "cannot receive file descriptor: Connection reset by peer"},
		"a byte":  {func(s *stage, via int) { send(t, via, "\x00") }, "cannot receive file descriptor: not one descriptor"},
		"two":     {func(s *stage, via int) { send(t, via, "\x00", theirs, other) }, "cannot receive file descriptor: not one descriptor"},
		"many": {func(s *stage, via int) {
			send(t, via, "\x00", theirs, other, theirs, other, theirs, other, theirs, other, theirs, other)
		}, "cannot receive file descriptor: not one descriptor"},
		"no attributes": {func(s *stage, via int) {
			send(t, via, "\x00", theirs)
			must(t, unix.Shutdown(via, unix.SHUT_WR))
		}, "cannot receive connection attributes: Connection reset by peer"},
		"half of them": {func(s *stage, via int) {
			send(t, via, "\x00"+someAttributes[:10], theirs)
			must(t, unix.Shutdown(via, unix.SHUT_WR))
		}, "cannot receive connection attributes: Connection reset by peer"},
		"braces":     {func(s *stage, via int) { send(t, via, "\x00}\x00", theirs) }, "cannot receive connection attributes: misplaced brace"},
		"too much":   {func(s *stage, via int) { send(t, via, "\x00"+strings.Repeat("x", passInput+1), theirs) }, "cannot receive connection attributes: Message too long"},
		"slow":       {func(s *stage, via int) { looptest.Advance(s.Loop, passTime) }, "cannot receive file descriptor: Connection timed out"},
		"slow later": {func(s *stage, via int) { send(t, via, "\x00", theirs); s.turn(); looptest.Advance(s.Loop, passTime) }, "cannot receive connection attributes: Connection timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, cfg.Pass, cfg.Params{})
			via := s.dial()
			c.deliver(s, via)
			s.turn()
			s.says(taken, available)
			if log := s.logged(); !strings.Contains(log, "warning: pass_accept_attr: "+c.text) {
				t.Errorf("the log has %q, not %q", log, c.text)
			}
			if len(s.s.clients) != 0 || s.uses != 0 || s.delivery != nil {
				t.Errorf("clients %v, %d uses", s.s.clients, s.uses)
			}
			send(t, s.dial(), "\x00"+someAttributes, theirs)
			s.turn()
			if len(s.s.clients) != 1 {
				t.Error("the next one is not served")
			}
		})
	}
}

// TestMasterGoesDuringDelivery: a client on its way is still served.
func TestMasterGoesDuringDelivery(t *testing.T) {
	s := newStage(t, cfg.Pass, cfg.Params{})
	_, theirs := pair(t)
	via := s.dial()
	must(t, unix.Close(s.master))
	s.turn()
	send(t, via, "\x00"+someAttributes, theirs)
	s.turn()
	if len(s.s.clients) != 1 {
		t.Fatal("it is not")
	}
	s.Done()
	if !s.ended() {
		t.Error("the process does not end")
	}
}
