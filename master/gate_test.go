// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// keep starts the one service public/k, hosted by keepers, with a limit and
// further -o options.
func (w *world) keep(limit int, options ...string) (made *[]*keeper, s *service) {
	w.t.Helper()
	made = w.host(nil)
	w.start(kept(limit, options...))
	return made, w.service("public/k", cfg.Unix)
}

// kept is the entry of that service.
func kept(limit int, options ...string) string { return keptAt("k unix", limit, options...) }

func keptAt(endpoint string, limit int, options ...string) string {
	entry := fmt.Sprintf("%s n - %d keep", endpoint, limit)
	for _, o := range options {
		entry += " -o {" + o + "}"
	}
	return entry
}

// turns lets everything happen that can.
func (w *world) turns() {
	for range 5 {
		looptest.Advance(w.l, 0)
	}
}

// refused waits for c's end, and returns what it has got before.
func (c *client) refused() string {
	c.w.t.Helper()
	var end error
	c.w.await(c.fd, func() bool {
		var buf [512]byte
		for {
			n, err := unix.Read(c.fd, buf[:])
			if n > 0 {
				c.in += string(buf[:n])
				continue
			}
			end = err
			return !errors.Is(err, unix.EAGAIN)
		}
	})
	if end != nil {
		c.in += "[" + end.Error() + "]"
	}
	return c.in
}

// open reports whether the other end has not closed.
func (c *client) open() bool {
	var buf [1]byte
	_, _, err := unix.Recvfrom(c.fd, buf[:], unix.MSG_PEEK)
	return errors.Is(err, unix.EAGAIN)
}

// dialTCP connects to 127.0.0.1, from there.
func (w *world) dialTCP(port int) *client { return w.dialFrom([4]byte{127, 0, 0, 1}, port) }

func (w *world) dialFrom(addr [4]byte, port int) *client {
	w.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	w.must(err)
	w.t.Cleanup(func() { unix.Close(fd) })
	w.must(unix.Bind(fd, &unix.SockaddrInet4{Addr: addr}))
	w.must(unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port})) // at once, over the loopback
	w.must(unix.SetNonblock(fd, true))
	return &client{w: w, fd: fd}
}

// silent fails the test if a timer is set in a world that has nothing to wait
// for.
func (w *world) silent(when string) {
	w.t.Helper()
	if n := w.l.Stats().Timers; n > 0 {
		w.t.Errorf("%s: %d timers", when, n)
	}
}

func TestClientLimit(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(10, "hosted_client_limit = 2")
	for range 2 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.total == 2 })
	if got := w.dial("public/k").refused(); got != "" {
		t.Errorf("the third got %q", got)
	}
	us := fmt.Sprintf("uid:%d", os.Getuid())
	if w.lines(`warning: service "k" (public/k): refused client `+us+": more than 2 connections at once from "+us) != 1 {
		t.Error("the log does not say who was refused, and why")
	}
	(*made)[0].release()
	w.dial("public/k")
	w.until(func() bool { return len((*made)[0].clients) == 2 })

	// A reload changes nothing about who is there.
	w.must(w.reload(kept(11, "hosted_client_limit = 2")))
	if w.dial("public/k").refused() != "" || len((*made)[1].clients) > 0 {
		t.Error("clients of before the reload do not count")
	}
	(*made)[0].release()
	w.dial("public/k")
	w.until(func() bool { return len((*made)[1].clients) == 1 })
	w.must(w.reload(kept(11, "hosted_client_limit = 3")))
	w.dial("public/k")
	w.until(func() bool { return len((*made)[2].clients) == 1 })
	w.dial("public/k").refused()

	// Neither does one that does not limit them.
	w.must(w.reload(kept(11)))
	w.dial("public/k")
	w.until(func() bool { return len((*made)[3].clients) == 1 })
	w.must(w.reload(kept(11, "hosted_client_limit = 4")))
	w.dial("public/k") // the one in between came without anybody asking who it is
	w.until(func() bool { return len((*made)[4].clients) == 1 })
	w.dial("public/k").refused()

	for _, k := range *made {
		for len(k.clients) > 0 {
			k.release()
		}
	}
	if g := s.host.gate; g.counts != nil || g.served.n != 0 {
		t.Errorf("counted after all have gone: %v, %d", g.counts, g.served.n)
	}
	w.must(w.reload(kept(11)))
	if s.host.gate != nil {
		t.Error("a service that asks for nothing any more keeps its gate")
	}
}

func TestClientRate(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(100, "hosted_client_rate = 2/10s")
	got := func() int { return len((*made)[0].clients) }
	for range 2 {
		w.dial("public/k")
	}
	w.until(func() bool { return got() == 2 })
	w.dial("public/k").refused()
	if w.lines("more than 2 connections in 10s from") != 1 {
		t.Error("no line in the log")
	}
	looptest.Advance(w.l, 5*time.Second)
	w.dial("public/k")
	w.until(func() bool { return got() == 3 })
	w.dial("public/k").refused()

	w.must(w.reload(kept(99, "hosted_client_rate = 2/10s"))) // nobody begins anew
	w.dial("public/k").refused()
	w.must(w.reload(kept(99, "hosted_client_rate = 3/10s")))
	w.dial("public/k")
	w.until(func() bool { return s.total == 4 })

	looptest.Advance(w.l, 20*time.Second)
	if r := s.host.gate.rates; len(r.young)+len(r.old) > 0 {
		t.Errorf("remembered for ever: %v", r)
	}
	w.silent("after the last source is forgotten")
}

func TestAllowAndDeny(t *testing.T) {
	w := newWorld(t)
	us := fmt.Sprintf("uid:%d", os.Getuid())
	made, s := w.keep(10, "hosted_client_deny = 10.0.0.0/8 "+us)
	w.dial("public/k").refused()
	if w.lines("refused client "+us+": "+us+" is in hosted_client_deny") != 1 {
		t.Error("no line about a client that is denied")
	}
	w.must(w.reload(kept(10, "hosted_client_allow = uid:99999")))
	w.dial("public/k").refused()
	if w.lines("refused client "+us+": not in hosted_client_allow") != 1 {
		t.Error("no line about a client that is not allowed")
	}
	w.must(w.reload(kept(10, "hosted_client_allow = uid:99999, "+us)))
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	if len((*made)[2].clients) != 1 {
		t.Error("not the one")
	}
}

func TestQueue(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 2", "hosted_refuse = text 421 try later")
	k := (*made)[0]
	var all []*client
	for i := range 4 {
		c := w.dial("public/k")
		_, err := fmt.Fprintf(fdWriter(c.fd), "%d", i)
		w.must(err)
		all = append(all, c)
	}
	if got := all[3].refused(); !strings.HasPrefix(got, "421 try later\r\n") {
		t.Errorf("the fourth got %q", got)
	}
	if w.lines("the process limit of 1 is reached, and 2 client(s) wait already") != 1 || w.lines(`has reached its process limit "1"`) != 0 {
		t.Error("what the log says")
	}
	for i := range 3 { // in order, with all that they have sent
		w.until(func() bool { return len(k.clients) == 1 })
		var buf [8]byte
		if n, err := unix.Read(k.clients[0], buf[:]); err != nil || string(buf[:n]) != fmt.Sprint(i) {
			t.Errorf("client %d: %q, %v", i, buf[:n], err)
		}
		k.release()
	}
	if s.total != 0 || s.host.gate.waits() {
		t.Error("somebody is left")
	}
	w.silent("with an empty queue")
}

// TestQueueLeavesDescriptors: those who wait may not take the descriptors that
// all else needs, however long the queue may be.
func TestQueueLeavesDescriptors(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 100000")
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	w.m.waitersBelow = w.dial("public/k").fd // whoever is accepted from now on has a higher number
	if got := w.dial("public/k").refused(); got != "" {
		t.Errorf("got %q", got)
	}
	if w.lines("the process limit of 1 is reached, and no more descriptors are left for those who wait") != 2 || s.host.gate.waits() {
		t.Error("it is not refused")
	}
	(*made)[0].release()
	w.dial("public/k") // who need not wait is served
	w.until(func() bool { return s.total == 1 })
	if n := waitersBelow(unix.Rlimit{Cur: 1024}); n != 768 {
		t.Errorf("waiters below %d of 1024", n)
	}
	if n := waitersBelow(unix.Rlimit{Cur: 1 << 62}); n != 1<<31-1 {
		t.Errorf("waiters below %d of very many", n)
	}
}

// TestQueueSaysThatTheLimitIsReached as Postfix does.
func TestQueueSaysThatTheLimitIsReached(t *testing.T) {
	w := newWorld(t)
	_, s := w.keep(2, "hosted_queue_limit = 5")
	for range 3 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.host.gate.waits() })
	if w.lines(`service "k" (public/k) has reached its process limit "2": new clients may experience noticeable delays`) != 1 {
		t.Error("no warning")
	}
}

func TestQueueOfNobody(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 0")
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	w.dial("public/k").refused()
	if w.lines(fmt.Sprintf("refused client uid:%d: the process limit of 1 is reached", os.Getuid())) != 1 {
		t.Error("no line in the log")
	}
	(*made)[0].release()
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
}

func TestQueueTime(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 5", "hosted_queue_time = 30s", "hosted_refuse = text sorry")
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	first := w.dial("public/k")
	w.until(func() bool { return s.host.gate.waiting.n == 1 })
	looptest.Advance(w.l, 20*time.Second)
	second := w.dial("public/k")
	w.until(func() bool { return s.host.gate.waiting.n == 2 })
	looptest.Advance(w.l, 9*time.Second)
	if !first.open() {
		t.Error("refused before its time was over")
	}
	looptest.Advance(w.l, time.Second)
	if got := first.refused(); got != "sorry\r\n" || !second.open() {
		t.Errorf("the first got %q", got)
	}
	if w.lines("waited for more than 30s") != 1 {
		t.Error("no line in the log")
	}
	(*made)[0].release()
	w.until(func() bool { return s.total == 1 && s.host.gate.waiting.n == 0 })
	w.silent("with an empty queue")

	// What a reload says counts for those who wait already.
	third := w.dial("public/k")
	w.until(func() bool { return s.host.gate.waiting.n == 1 })
	w.must(w.reload(kept(1, "hosted_queue_limit = 5", "hosted_queue_time = 10s")))
	looptest.Advance(w.l, 10*time.Second)
	third.refused()
}

// TestHungUp: who has left is served no more, and its place is free at once.
func TestHungUp(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	made := w.host(nil)
	w.start(
		kept(1, "hosted_queue_limit = 1"),
		keptAt(fmt.Sprintf("127.0.0.1:%d inet", port), 1, "hosted_queue_limit = 1"))
	for i, dial := range []func() *client{func() *client { return w.dial("public/k") }, func() *client { return w.dialTCP(port) }} {
		k := (*made)[i]
		s := w.m.services[i]
		waiting := func() int {
			if s.host.gate == nil {
				return 0
			}
			return s.host.gate.waiting.n
		}
		dial()
		w.until(func() bool { return s.total == 1 })

		gone := dial()
		w.until(func() bool { return waiting() == 1 })
		w.must(unix.Shutdown(gone.fd, unix.SHUT_RDWR))
		w.until(func() bool { return waiting() == 0 })

		// In its turn it is looked at again: the loop may not have got there yet.
		gone = dial()
		w.until(func() bool { return waiting() == 1 })
		w.must(unix.Shutdown(gone.fd, unix.SHUT_RDWR))
		k.release()
		if len(k.clients) != 0 || waiting() != 0 {
			t.Errorf("%s: %d are served, %d wait", s, len(k.clients), waiting())
		}
		dial()
		w.until(func() bool { return s.total == 1 })

		// Who has left something is served.
		said := dial()
		_, err := unix.Write(said.fd, []byte("x"))
		w.must(err)
		w.must(unix.Shutdown(said.fd, unix.SHUT_RDWR))
		w.until(func() bool { return waiting() == 1 })
		w.turns()
		k.release()
		w.until(func() bool { return len(k.clients) == 1 })
		var buf [8]byte
		if n, err := unix.Read(k.clients[0], buf[:]); n != 1 || err != nil {
			t.Errorf("%s: what it had sent: %d, %v", s, n, err)
		}

		// The end of sending alone is the end of a client over the network only.
		half := dial()
		w.must(unix.Shutdown(half.fd, unix.SHUT_WR))
		if local := s.key.typ == cfg.Unix; local {
			w.until(func() bool { return waiting() == 1 })
			w.turns()
			k.release()
			w.until(func() bool { return len(k.clients) == 1 && waiting() == 0 })
		} else {
			half.refused()
			if len(k.clients) != 1 {
				t.Errorf("%d clients", len(k.clients))
			}
		}
		if n := w.lines("refused client"); n > 0 {
			t.Errorf("%s: %d lines about those who left by themselves", s, n)
		}
	}
}

func TestRefuse(t *testing.T) {
	const text = "421 host.example busy"
	for _, c := range []struct{ refuse, tcp, local string }{
		{"close", "", ""},
		{"reset", "[connection reset by peer]", ""},
		{"text 421 $myhostname busy", text + "\r\n", text + "\r\n"},
	} {
		w := newWorld(t)
		port := freePort(t)
		w.host(nil)
		w.main += "hosted_client_allow = 192.0.2.1\nhosted_refuse = " + c.refuse + "\n"
		w.start(kept(1), keptAt(fmt.Sprintf("127.0.0.1:%d inet", port), 1))
		if got := w.dial("public/k").refused(); got != c.local {
			t.Errorf("%s: over a unix-domain socket: %q", c.refuse, got)
		}
		if got := w.dialTCP(port).refused(); got != c.tcp {
			t.Errorf("%s: over TCP: %q", c.refuse, got)
		}
		// One that has already sent what nobody will read.
		talker := w.dialTCP(port)
		_, err := unix.Write(talker.fd, []byte("EHLO example\r\n"))
		w.must(err)
		if got := talker.refused(); !strings.HasPrefix(got, strings.TrimSuffix(c.tcp, "[connection reset by peer]")) {
			t.Errorf("%s: over TCP, having sent something: %q", c.refuse, got)
		}
		if w.lines("refused client 127.0.0.1: not in hosted_client_allow") != 2 {
			t.Error("no lines in the log")
		}
	}
}

func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	w := newWorld(t)
	_, s := w.keep(1, "hosted_client_deny = uid:"+fmt.Sprint(os.Getuid()))
	flood := func(n int) {
		for range n {
			w.dial("public/k").refused()
		}
	}
	flood(50)
	if n := w.lines("refused client"); n != refusalLines {
		t.Errorf("%d lines", n)
	}
	looptest.Advance(w.l, refusalInterval)
	if w.lines(`warning: service "k" (public/k): refused 30 more clients within 1m0s`) != 1 {
		t.Error("the others are not counted")
	}
	w.silent("after the count")
	flood(1) // a new interval, and nothing left out
	w.silent("with nothing left out")
	looptest.Advance(w.l, refusalInterval)
	flood(refusalLines)
	w.silent("with nothing left out")
	looptest.Advance(w.l, 15*time.Second)
	flood(3)
	w.must(w.reload("echo unix n - 1 echod")) // the count is not lost
	if w.lines("refused 3 more clients within 15s") != 1 || s.host.gate.refusals.timer != nil {
		t.Error("what a removed service has left out")
	}
	if n := w.lines("refused client"); n != 2*refusalLines+1 {
		t.Errorf("%d lines", n)
	}
}

// TestReloadKeepsTheQueue, and what the new configuration says about places
// and who may wait counts from then on.
func TestReloadKeepsTheQueue(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 50")
	for range 41 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.host.gate.waiting.n == 40 })
	w.must(w.reload(kept(1, "hosted_queue_limit = 1")))
	w.dial("public/k").refused()
	if n := s.host.gate.waiting.n; n != 40 {
		t.Fatalf("%d wait after a reload", n)
	}
	(*made)[0].release()
	w.until(func() bool { return len((*made)[1].clients) == 1 })

	// No queue any more: those who are in it come first.
	w.must(w.reload(kept(3)))
	last := w.dial("public/k")
	w.until(func() bool { return s.total == 3 })
	if n := s.host.gate.waiting.n; n != 37 || s.listening {
		t.Errorf("%d wait, listening %v", n, s.listening)
	}

	// Many places at once are not filled in one turn.
	w.must(w.reload(kept(0)))
	if n := s.host.gate.waiting.n; n != 37-nextBatch {
		t.Errorf("%d wait, want %d", n, 37-nextBatch)
	}
	w.until(func() bool { return s.total == 41 })
	if s.host.gate.waits() || !last.open() {
		t.Error("who has been served")
	}
}

// TestQueueEndsWithItsService: a removed service sends its queue away, and so does one that is served by
// processes from now on, and the end of master.
func TestQueueEndsWithItsService(t *testing.T) {
	options := []string{"hosted_queue_limit = 5", "hosted_refuse = text bye"}
	for name, end := range map[string]func(w *world){
		"removed":   func(w *world) { w.must(w.reload("echo unix n - 1 echod")) },
		"processes": func(w *world) { w.main = "builtin_services =\n"; w.must(w.reload("k unix n - 1 echod")) },
		"shutdown":  func(w *world) { w.m.Shutdown(func() {}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			made, s := w.keep(1, options...)
			w.dial("public/k")
			w.until(func() bool { return s.total == 1 })
			c := w.dial("public/k")
			w.until(func() bool { return s.host.gate.waits() })
			end(w)
			if got := c.refused(); got != "bye\r\n" {
				t.Errorf("it got %q", got)
			}
			if w.lines(`service "k" (public/k): 1 client(s) that waited have been sent away`) != 1 {
				t.Error("no line in the log")
			}
			if k := (*made)[0]; name != "shutdown" {
				if len(k.clients) != 1 {
					t.Fatal("the one that was being served is gone")
				}
				k.release()
				if name == "processes" && s.host.gate != nil {
					t.Error("the gate is left")
				}
			}
		})
	}
}

// nobodyHome is a hosted service whose clients are finished at once.
type nobodyHome struct{ clients int }

func (n *nobodyHome) Accepted(fd int, _ loop.Peer, done func()) error {
	if fd >= 0 {
		unix.Close(fd)
	}
	n.clients++
	done()
	return nil
}
func (n *nobodyHome) Shutdown(bool) {}

// TestNoGateCostsNothing: a service that asks for nothing pays for nothing.
func TestNoGateCostsNothing(t *testing.T) {
	w := newWorld(t)
	w.main = "builtin_services = keep\n"
	n := &nobodyHome{}
	w.m.opt.Hosted = map[string]HostFunc{"keep": func(*Host) (Hosted, error) { return n, nil }}
	w.start("k unix n - 1 keep")
	s := w.service("public/k", cfg.Unix)
	if allocs := testing.AllocsPerRun(100, func() { s.host.accepted(-1, loop.Peer{}) }); allocs > 0 {
		t.Errorf("%v allocations for a client", allocs)
	}
	if n.clients != 101 || s.total != 0 || s.host.gate != nil {
		t.Errorf("%d clients, %d left, gate %v", n.clients, s.total, s.host.gate)
	}
}

// TestQueueOfCommandsThatFailAtOnce goes on in turns of its own.
func TestQueueOfCommandsThatFailAtOnce(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 100")
	for range 101 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.host.gate.waiting.n == 100 })
	n := &nobodyHome{}
	s.host.current.hosted = n
	(*made)[0].release()
	if n.clients != nextBatch {
		t.Errorf("%d clients in one turn, want %d", n.clients, nextBatch)
	}
	w.until(func() bool { return n.clients == 100 })
	if s.total != 0 || s.host.gate.waits() {
		t.Error("somebody is left")
	}
}
