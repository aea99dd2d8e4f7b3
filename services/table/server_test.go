// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// eachProtocol runs a test of what goes for all of them.
func eachProtocol(t *testing.T, f func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table)) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			w := newNetWorld(t, looptest.New(t))
			s := newFake(w, "tcp", "127.0.0.1:0", p.read, p.echo)
			f(t, p, w, s, w.open(p.ref(w, s.addr)))
		})
	}
}

func (w *netWorld) expect(got Answer, want Answer) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got %+v, want %+v", got, want)
	}
}

func value(key string) Answer { return Answer{Value: "value-of-" + key} }

func (r *remote) servers() *server { return r.server.server }

// outlast waits for an answer, and lets time pass when nothing but that is
// waited for.
func (w *netWorld) outlast(tab Table, r *reply) {
	w.t.Helper()
	s := tab.(interface{ servers() *server }).servers()
	pausing := func() bool {
		for _, l := range s.links {
			if !l.ready() || l.ask != nil {
				return false
			}
		}
		for a := range s.asks {
			if a.again.Left() > 0 {
				return true
			}
		}
		return s.held
	}
	for !r.here {
		w.until(func() bool { return r.here || pausing() })
		if !r.here {
			looptest.Advance(w.Loop, time.Second)
		}
	}
}

var tryAgain = Answer{Status: Retry}

func TestServerAnswers(t *testing.T) {
	eachProtocol(t, func(t *testing.T, _ protocol, w *netWorld, s *fakeServer, tab Table) {
		for i := range 20 {
			key := fmt.Sprint("k", i)
			w.expect(w.ask(tab, key), value(key))
			w.expect(w.ask(tab, "none"), Answer{Status: NoKey})
		}
		if n := s.accepts(); n != 1 {
			t.Errorf("%d connections for one request at a time", n)
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	})
}

func TestServerDribbles(t *testing.T) {
	eachProtocol(t, func(_ *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.dribble = true
			return a
		})
		w.expect(w.ask(tab, "k"), value("k"))
		w.expect(w.ask(tab, "none"), Answer{Status: NoKey})
	})
}

// TestServerHangs: a request has a deadline, and an answer that comes after it
// is nobody's.
func TestServerHangs(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		release := make(chan struct{})
		s.answers(func(request string) saying {
			a := p.echo(request)
			if p.key(request) == "slow" {
				a.wait = release
			}
			return a
		})
		r := w.get(tab, "slow")
		w.until(func() bool { return len(s.requests()) == 1 })
		looptest.Advance(w.Loop, time.Duration(p.limit)*time.Second-time.Millisecond)
		if r.here {
			t.Error("given up early")
		}
		looptest.Advance(w.Loop, time.Millisecond)
		w.until(func() bool { return r.here })
		w.expect(r.Answer, tryAgain)
		close(release)
		for i := range 5 {
			key := fmt.Sprint("k", i)
			w.expect(w.ask(tab, key), value(key))
		}
		if r.times != 1 {
			t.Errorf("answered %d times", r.times)
		}
		if w.logged() == "" {
			t.Error("nothing logged")
		}
	})
}

// TestServerMisbehaves: whatever it is, nobody gets a wrong answer, and when
// it is over everything is as before.
func TestServerMisbehaves(t *testing.T) {
	for name, bad := range map[string]func(p protocol) saying{
		"hangs up":            func(protocol) saying { return saying{hangUp: true} },
		"hangs up in between": func(p protocol) saying { return saying{text: p.found("k", "wrong")[:6], hangUp: true} },
		"floods":              func(protocol) saying { return saying{text: strings.Repeat("2", 1<<16), flood: true} },
		"floods with answers": func(protocol) saying { return saying{text: strings.Repeat("7:WHAT x,\n", 1<<12), flood: true} },
		"lies":                func(p protocol) saying { return say(p.lie) },
		"null bytes":          func(protocol) saying { return say("\x00\x00\x00\x00\n") },
		"another protocol":    func(protocol) saying { return say("HTTP/1.1 400 Bad Request\r\n\r\n") },
		"an empty line":       func(protocol) saying { return say("\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
				s.answers(func(string) saying { return bad(p) })
				r := w.get(tab, "k")
				w.outlast(tab, r)
				w.expect(r.Answer, tryAgain)
				if w.logged() == "" {
					t.Error("nothing logged")
				}
				s.answers(p.echo)
				looptest.Advance(w.Loop, time.Second)
				w.expect(w.ask(tab, "k"), value("k"))
			})
		})
	}
}

// TestServerAnswersNobody: what comes before a request, or after its answer,
// is no answer to the next one.
func TestServerAnswersNobody(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.text += p.found("second", "wrong")
			return a
		})
		for i := range 5 {
			key := fmt.Sprint("k", i)
			w.expect(w.ask(tab, key), value(key))
		}
		if n := s.accepts(); n != 5 {
			t.Errorf("%d connections for 5 requests", n)
		}
		s.answers(p.echo)
		release := make(chan struct{})
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.wait = release
			return a
		})
		r := w.get(tab, "k")
		w.until(func() bool { return len(s.requests()) == 6 })
		close(release)
		w.until(func() bool { return r.here })
		w.expect(r.Answer, value("k"))
		// Something comes while nobody waits for anything.
		w.logged()
		s.mu.Lock()
		for c := range s.conns {
			_, _ = c.Write([]byte(p.found("k2", "wrong")))
		}
		s.mu.Unlock()
		w.until(func() bool { return len(w.log) > 0 && s.open() == 0 })
		if text := w.logged(); !strings.Contains(text, errStray.Error()) {
			t.Errorf("logged %q", text)
		}
		s.answers(p.echo)
		w.expect(w.ask(tab, "k2"), value("k2"))
	})
}

// TestServerHasClosed: an idle connection that the server has closed costs
// nobody anything.
func TestServerHasClosed(t *testing.T) {
	eachProtocol(t, func(t *testing.T, _ protocol, w *netWorld, s *fakeServer, tab Table) {
		for i := range 5 {
			key := fmt.Sprint("k", i)
			w.expect(w.ask(tab, key), value(key))
			s.hangUp()
			if i%2 == 0 { // it is noticed before the next request, or with it
				w.until(func() bool { return s.open() == 0 })
			}
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	})
}

// TestServerRestarts: while it is away the answer is to try again, and
// afterwards it is the right one, without any help.
func TestServerRestarts(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		w.expect(w.ask(tab, "k1"), value("k1"))
		s.stop()
		r := w.get(tab, "k2")
		w.outlast(tab, r)
		w.expect(r.Answer, tryAgain)
		text := w.logged()
		if n, want := strings.Count(text, "onnect to "), map[bool]int{true: 10, false: 1}[p.name == "tcp"]; n != want {
			t.Errorf("%d tries, want %d:\n%s", n, want, text)
		}
		looptest.Advance(w.Loop, time.Second)
		s.start()
		w.expect(w.ask(tab, "k3"), value("k3"))
	})
}

// TestServerReturns: a request of a protocol that waits is answered when the
// server is back.
func TestServerReturns(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	p := protocols[0]
	s := newFake(w, "tcp", "127.0.0.1:0", p.read, p.echo)
	tab := w.open(p.ref(w, s.addr))
	s.stop()
	r := w.get(tab, "k")
	w.until(func() bool { return len(w.log) == 1 })
	s.start()
	looptest.Advance(w.Loop, time.Second)
	w.until(func() bool { return r.here })
	w.expect(r.Answer, value("k"))
}

// TestServerShares: equal keys are asked once, others beside each other, up to
// the limit on connections.
func TestServerShares(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		release := make(chan struct{})
		s.answers(func(request string) saying {
			a := p.echo(request)
			if key := p.key(request); strings.HasPrefix(key, "slow") {
				a.wait = release
			}
			return a
		})
		var slow []*reply
		for i := range defaultPool - 1 {
			for range 10 {
				slow = append(slow, w.get(tab, fmt.Sprint("slow", i)))
			}
		}
		w.until(func() bool { return len(s.requests()) == defaultPool-1 })
		for i := range 50 { // nobody waits for them
			key := fmt.Sprint("k", i)
			w.expect(w.ask(tab, key), value(key))
		}
		var more []*reply
		for i := range 50 {
			more = append(more, w.get(tab, fmt.Sprint("slow-", i)))
		}
		w.until(func() bool { return s.open() == defaultPool && len(s.requests()) == defaultPool+50 })
		close(release)
		all := func(list []*reply) func() bool {
			return func() bool {
				for _, r := range list {
					if !r.here {
						return false
					}
				}
				return true
			}
		}
		w.until(all(slow))
		w.until(all(more))
		for i, r := range slow {
			w.expect(r.Answer, value(fmt.Sprint("slow", i/10)))
		}
		for i, r := range more {
			w.expect(r.Answer, value(fmt.Sprint("slow-", i)))
		}
		if n, asked := s.accepts(), len(s.requests()); n != defaultPool || asked != defaultPool-1+100 {
			t.Errorf("%d connections, %d requests", n, asked)
		}
	})
}

// TestServerBound: what waits has a limit, beyond which the answer is there at
// once, and the log says so once.
func TestServerBound(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	p := protocols[1]
	release := make(chan struct{})
	s := newFake(w, "tcp", "127.0.0.1:0", p.read, func(request string) saying {
		a := p.echo(request)
		a.wait = release
		return a
	})
	tab := w.open(p.ref(w, s.addr))
	var list []*reply
	for i := range DefaultLimits.Queue {
		list = append(list, w.get(tab, fmt.Sprint("k", i)))
	}
	for i := range 100 {
		r := w.get(tab, fmt.Sprint("more", i))
		if !r.here || r.Status != Retry {
			t.Fatalf("got %+v", r)
		}
	}
	if text := w.logged(); strings.Count(text, "too many requests are waiting") != 1 {
		t.Errorf("logged %q", text)
	}
	close(release)
	for i, r := range list {
		w.until(func() bool { return r.here })
		w.expect(r.Answer, value(fmt.Sprint("k", i)))
	}
	w.expect(w.ask(tab, "more1"), value("more1"))
	// Long keys count for what they are.
	key := strings.Repeat("x", 9000)
	for i := range 2*maxWaitingBytes/len(key) + 1 {
		if r := w.get(tab, fmt.Sprint(key, i)); r.here {
			if r.Status != Retry {
				t.Errorf("got %+v", r)
			}
			return
		}
	}
	t.Error("no limit on bytes")
}

// TestServerClose: a table that is closed at any moment leaves nothing behind,
// and answers nobody. looptest looks for what is left.
func TestServerClose(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, _ Table) {
		release := make(chan struct{})
		s.answers(func(request string) saying {
			a := p.echo(request)
			if p.key(request) == "slow" {
				a.wait = release
			}
			return a
		})
		for turns := range 12 {
			tab, err := w.Open(p.ref(w, s.addr), ReadOnly, 0)
			if err != nil {
				t.Fatal(err)
			}
			list := []*reply{w.get(tab, "k"), w.get(tab, "slow"), w.get(tab, "k2"), w.get(tab, "slow")}
			for range turns {
				if err := w.Loop.Turn(0); err != nil {
					t.Fatal(err)
				}
			}
			tab.Close()
			had := fmt.Sprint(*list[0], *list[1], *list[2])
			for range 3 {
				if err := w.Loop.Turn(0); err != nil {
					t.Fatal(err)
				}
			}
			if now := fmt.Sprint(*list[0], *list[1], *list[2]); now != had {
				t.Errorf("answered after Close: %s, was %s", now, had)
			}
		}
		// Closed from inside an answer.
		tab, err := w.Open(p.ref(w, s.addr), ReadOnly, 0)
		if err != nil {
			t.Fatal(err)
		}
		closed := false
		for range 3 {
			tab.Get("k", 0, func(Answer) {
				if closed {
					t.Error("answered after Close")
				}
				closed = true
				tab.Close()
			})
		}
		w.until(func() bool { return closed })
		close(release)
	})
}

// TestServerIdle: connections that nobody uses are closed; one is kept where
// Postfix keeps it.
func TestServerIdle(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		release := make(chan struct{})
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.wait = release
			return a
		})
		var list []*reply
		for i := range 3 {
			list = append(list, w.get(tab, fmt.Sprint("k", i)))
		}
		w.until(func() bool { return len(s.requests()) == 3 })
		close(release)
		w.until(func() bool { return list[0].here && list[1].here && list[2].here })
		looptest.Advance(w.Loop, idleExtra-time.Millisecond)
		if n := s.open(); n != 3 {
			t.Errorf("%d connections before the time", n)
		}
		looptest.Advance(w.Loop, time.Millisecond)
		want := 1
		if p.name == "socketmap" {
			want = 0
		}
		w.until(func() bool { return s.open() == want })
		w.expect(w.ask(tab, "k"), value("k"))
	})
}

// TestServerTTL: no connection of socketmap: lives for ever, however busy.
func TestServerTTL(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	p := protocols[1]
	s := newFake(w, "tcp", "127.0.0.1:0", p.read, p.echo)
	tab := w.open(p.ref(w, s.addr))
	for i := range 30 { // 150 seconds
		key := fmt.Sprint("k", i)
		w.expect(w.ask(tab, key), value(key))
		looptest.Advance(w.Loop, 5*time.Second)
	}
	if n := s.accepts(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestServerNowhere: nothing listens, in every way that there is.
func TestServerNowhere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	w := newNetWorld(t, looptest.New(t))
	for ref, want := range map[string]string{
		"socketmap:inet:" + addr + ":m":               "warning: connect to " + addr + ": Connection refused\nwarning: table socketmap:inet:" + addr + ":m lookup error: Connection refused",
		"socketmap:unix:/nowhere/s:m":                 "warning: connect to /nowhere/s: No such file or directory\nwarning: table socketmap:unix:/nowhere/s:m lookup error: No such file or directory",
		"socketmap:inet:no.invalid:" + port + ":m":    "warning: host or service no.invalid:" + port + " not found: Name or service not known\nwarning: connect to no.invalid:" + port + ": Cannot assign requested address\nwarning: table socketmap:inet:no.invalid:" + port + ":m lookup error: Cannot assign requested address",
		"socketmap:inet:127.0.0.1:nosuchservice:m":    "warning: host or service 127.0.0.1:nosuchservice not found: Servname not supported for ai_socktype\nwarning: connect to 127.0.0.1:nosuchservice: Cannot assign requested address\nwarning: table socketmap:inet:127.0.0.1:nosuchservice:m lookup error: Cannot assign requested address",
		"memcache:" + w.file("memcache = inet:"+addr): "warning: connect to " + addr + ": Connection refused",
		"memcache:" + w.file("memcache = unix:/nope"): "warning: connect to /nope: No such file or directory",
	} {
		w.expect(w.ask(w.open(ref), "k"), tryAgain)
		if text := w.logged(); text != want {
			t.Errorf("%s: got\n%s\nwant\n%s", ref, text, want)
		}
	}
}
