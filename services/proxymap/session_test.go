// SPDX-License-Identifier: ISC

package proxymap

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

// get is a lookup in the older dialect.
func get(ref, key string) string {
	return list("request=lookup", "table="+ref, "flags=524352", "key="+key)
}

func found(value string) string { return list("status=0", "value="+value) }

// TestLateAnswers: a slow table makes those wait who ask it, in their order, and
// nobody else.
func TestLateAnswers(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("slow:x", "quick:x")
	s.make = func(f *fake) (table.Table, error) {
		f.later = f.ref == "slow:x"
		return f, nil
	}
	first, second, other := s.dial(), s.dial(), s.dial()
	if got := first.ask(get("slow:x", "a") + get("quick:x", "b") + get("slow:x", "b")); got != "" {
		t.Fatalf("got %q before the table has answered", got)
	}
	if got := second.ask(get("slow:x", "b")); got != "" {
		t.Fatalf("got %q before the table has answered", got)
	}
	slow := s.open[0]
	for range 3 {
		if got := other.ask(get("quick:x", "a")); got != found("1") {
			t.Errorf("who asks another table got %q", got)
		}
	}
	s.loop.Later(slow.due[1]) // the second client's comes first
	s.turns(1)
	if got := second.got(); got != found("2") {
		t.Errorf("the second client got %q", got)
	}
	s.loop.Later(slow.due[0])
	s.turns(2)
	if got := first.got(); got != found("1")+found("2") {
		t.Errorf("the first client got %q", got)
	}
	s.loop.Later(slow.due[2])
	s.turns(2)
	if got := first.got(); got != found("2") {
		t.Errorf("the first client got %q at last", got)
	}
}

// TestLateWrites: so do changes, and the walk through a table.
func TestLateWrites(t *testing.T) {
	s := newStage(t, Config{Mode: table.ReadWrite})
	s.allow("fake:x")
	s.make = func(f *fake) (table.Table, error) {
		f.later = true
		return writable{f}, nil
	}
	k := s.dial()
	for i, c := range []struct{ request, answer string }{
		{list("request=update", "table=fake:x", "flags=0", "key=k", "value=v"), list("status=0")},
		{list("request=delete", "table=fake:x", "instance_flags=0", "flags=16", "key=k"), list("status=0", "flags=272")},
		{list("request=sequence", "table=fake:x", "flags=0", "function=0"), list("status=0", "key=a", "value=1")},
	} {
		if got := k.ask(c.request); got != "" {
			t.Errorf("got %q at once", got)
		}
		s.loop.Later(s.last().due[i])
		s.turns(1)
		if got := k.got(); got != c.answer {
			t.Errorf("got %q, want %q", got, c.answer)
		}
	}
}

// TestClientGoesFirst: an answer for whoever has gone meanwhile is dropped, and
// so is one for a client that was sent away.
func TestClientGoesFirst(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("slow:x")
	s.make = func(f *fake) (table.Table, error) {
		f.later = true
		return f, nil
	}
	gone, away := s.dial(), s.dial()
	gone.ask(get("slow:x", "a"))
	away.ask(get("slow:x", "a"))
	must(t, unix.Shutdown(gone.fd, unix.SHUT_RDWR))
	s.conns[1].Close(errSlow)
	s.turns(2)
	if got := away.got(); got != "EOF" {
		t.Errorf("got %q", got)
	}
	for _, f := range s.last().due {
		s.loop.Later(f)
	}
	s.turns(3)
	if n := s.loop.Stats().Conns; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// TestHalfARequest has a second to become a whole one, however it comes.
func TestHalfARequest(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	half, slow, whole := s.dial(), s.dial(), s.dial()
	request := get("fake:x", "a")
	half.ask(request[:20])
	for range 9 {
		slow.ask(request[:1])
		request = request[1:]
		looptest.Advance(s.loop, requestTime/10)
		if got := whole.ask(get("fake:x", "b")); got != found("2") {
			t.Errorf("another client got %q", got)
		}
	}
	if got := half.got() + slow.got(); got != "" {
		t.Errorf("got %q before a second was over", got)
	}
	turns := s.loop.Stats().Turns
	looptest.Advance(s.loop, requestTime/5)
	s.turns(3)
	if a, b := half.got(), slow.got(); a != "EOF" || b != "EOF" {
		t.Errorf("got %q and %q", a, b)
	}
	if n := s.loop.Stats().Turns - turns; n > 10 {
		t.Errorf("%d turns for that", n)
	}
	if n := strings.Count(s.logged(), "warning: timeout on proxymap socket while reading input attribute value"); n < 1 {
		t.Errorf("the log:\n%s", s.logged())
	}
	looptest.Advance(s.loop, time.Hour) // is no time for who asks nothing
	if got := whole.ask(get("fake:x", "b")); got != found("2") {
		t.Errorf("after an hour: %q", got)
	}
}

// TestRestThatLiesThere: the loop was busy for more than a second, the client
// was not slow.
func TestRestThatLiesThere(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	k := s.dial()
	request := get("fake:x", "a")
	k.ask(request[:20])
	k.send(request[20:])
	looptest.Advance(s.loop, time.Minute)
	s.turns(2)
	if got := k.got(); got != found("1") {
		t.Errorf("got %q", got)
	}
}

// TestEndInTheMiddle of a request, and behind one.
func TestEndInTheMiddle(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	k := s.dial()
	k.send(get("fake:x", "a")[:30])
	must(t, unix.Shutdown(k.fd, unix.SHUT_WR))
	s.turns(3)
	if got := k.got(); got != "EOF" {
		t.Errorf("got %q", got)
	}
	s.saw("unexpected end-of-input from proxymap socket while reading input attribute name")
	k = s.dial()
	k.send(get("fake:x", "a") + get("fake:x", "b"))
	must(t, unix.Shutdown(k.fd, unix.SHUT_WR))
	s.turns(3)
	if got := k.got(); got != found("1")+found("2")+"EOF" {
		t.Errorf("got %q", got)
	}
}

// TestNotReading: who asks and does not read is sent away, who reads slowly is
// not.
func TestNotReading(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	big := strings.Repeat("x", 1<<20)
	s.make = func(f *fake) (table.Table, error) {
		f.values["big"] = table.Answer{Value: big}
		return f, nil
	}
	deaf, slow, other := s.dial(), s.dial(), s.dial()
	for range 3 {
		deaf.send(get("fake:x", "big"))
		slow.send(get("fake:x", "big"))
	}
	total := 0
	buf := make([]byte, 64<<10)
	for range 100 {
		if n, err := unix.Read(slow.fd, buf); err == nil {
			total += n
		}
		looptest.Advance(s.loop, replyTime/4)
		s.turns(2)
		if got := other.ask(get("fake:x", "a")); got != found("1") {
			t.Fatalf("another client got %q", got)
		}
	}
	if n := s.loop.Stats().Conns; n != 2 {
		t.Errorf("%d connections are there, want 2", n)
	}
	if total < 3<<20 {
		t.Errorf("the slow one has %d bytes", total)
	}
	s.saw("timeout on proxymap socket while writing")
	looptest.Advance(s.loop, time.Hour)
	if n := s.loop.Stats().Timers; n != 0 {
		t.Errorf("%d timers are set for clients that do nothing", n)
	}
}

// TestLeave: whoever waits for nothing goes at once, others when they have what
// they wait for.
func TestLeave(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("slow:x")
	s.make = func(f *fake) (table.Table, error) {
		f.later = true
		return f, nil
	}
	idle, busy, half := s.dial(), s.dial(), s.dial()
	busy.ask(get("slow:x", "a"))
	half.ask("requ")
	for _, k := range s.sessions {
		k.Leave()
	}
	s.turns(1)
	if a, b, c := idle.got(), busy.got(), half.got(); a != "EOF" || b != "" || c != "" {
		t.Errorf("got %q, %q, %q", a, b, c)
	}
	s.loop.Later(s.last().due[0])
	s.turns(1)
	if got := busy.got(); got != found("1")+"EOF" {
		t.Errorf("got %q", got)
	}
	if got := half.ask("est\x00nonsense\x00\x00"); got != list("status=3")+"EOF" {
		t.Errorf("got %q", got)
	}
}

// TestNoFrame: bytes that are no list at all end the connection.
func TestNoFrame(t *testing.T) {
	s := newStage(t, Config{})
	k := s.dial()
	if got := k.ask("{\x00{\x00" + get("fake:x", "a")); got != "EOF" {
		t.Errorf("got %q", got)
	}
	s.saw("misplaced brace among attributes on proxymap socket")
}

// TestLongRequests: one may be long, but not many at a time, however short the
// time.
func TestLongRequests(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	part := get("fake:x", strings.Repeat("x", maxRequest-1024))
	part = part[:maxRequest-2048]
	var clients []*client
	for range maxPartial / len(part) {
		k := s.dial()
		k.send(part)
		clients = append(clients, k)
	}
	quick, rest := s.dial(), clients[0]
	one := s.dial()
	one.send(part[:100<<10])
	s.turns(50)
	if got := quick.ask(get("fake:x", "a")); got != found("1") {
		t.Errorf("who asks something short got %q", got)
	}
	if got := one.got(); got != "EOF" {
		t.Errorf("the one too many got %q", got)
	}
	s.saw("too many long requests at once on proxymap socket")
	if got := rest.ask(strings.Repeat("x", 1000) + "\x00\x00"); got != list("status=1", "value=") {
		t.Errorf("one of the others got %q", got)
	}
	for _, k := range clients[1:] {
		must(t, unix.Close(k.fd))
	}
	s.turns(200)
	if s.s.partial != 0 {
		t.Errorf("%d bytes of requests count, and there are none", s.s.partial)
	}
}

// TestIdleClientsKeepNothing of what they have asked, however long that was, and
// however many attributes it had.
func TestIdleClientsKeepNothing(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	long := get("fake:x", strings.Repeat("x", 2<<20))
	many := strings.TrimSuffix(get("fake:x", "a"), "\x00") + strings.Repeat("a\x00\x00", 500_000) + "\x00"
	var clients []*client
	for range 20 {
		clients = append(clients, s.dial())
	}
	ask := func(request, want string) {
		for _, k := range clients {
			k.send(request)
			s.turns(2)
			if got := k.got(); got != want {
				t.Fatalf("got %q", got)
			}
		}
	}
	ask(get("fake:x", "a"), found("1"))
	before := heap()
	ask(long, list("status=1", "value="))
	ask(many, found("1"))
	s.last().asked = nil
	if grown := heap() - before; grown > 8<<20 { // the loop keeps some buffers for all
		t.Errorf("%d bytes are kept for 20 clients that ask nothing", grown)
	}
}

// heap is how much is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
