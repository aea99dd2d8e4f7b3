// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

func TestProcessOnDemand(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	s := w.service("public/echo", cfg.Unix)
	if s.total != 0 {
		t.Fatalf("%d processes before the first client", s.total)
	}
	first := w.dial("public/echo")
	pid := first.pid()
	w.until(func() bool { return s.total == 1 && s.idle == 0 }) // it has said that it is taken

	second := w.dial("public/echo")
	if second.pid() == pid {
		t.Fatal("two clients at once got the same process")
	}
	w.until(func() bool { return s.total == 2 && s.idle == 0 })

	third := w.dial("public/echo") // waits: the limit is two
	first.close()
	if got := third.pid(); got != pid {
		t.Errorf("the third client got process %d, want %d, which was free again", got, pid)
	}
	if s.total != 2 {
		t.Errorf("%d processes at a limit of two", s.total)
	}
}

func TestBadStartThrottles(t *testing.T) {
	w := newWorld(t)
	w.start("crash unix n - 2 crashd", "echo unix n - 2 echod")
	s := w.service("public/crash", cfg.Unix)
	w.dial("public/crash")
	for _, delay := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		w.until(func() bool { return s.throttled })
		other := w.dial("public/echo")
		if other.pid() == 0 {
			t.Fatal("another service does not answer")
		}
		other.close()
		looptest.Advance(w.l, delay-time.Second)
		if !s.throttled {
			t.Fatalf("throttle over before %s", delay)
		}
		looptest.Advance(w.l, time.Second) // the endpoint is still readable
	}
	if n := w.lines("exit status 7"); n < 3 {
		t.Errorf("%d lines about the exit status, want 3 or more", n)
	}
	if n := w.lines("bad command startup -- throttling"); n < 3 {
		t.Errorf("%d lines about throttling, want 3 or more", n)
	}
	if n := w.lines("throttle released"); n != 3 {
		t.Errorf("%d lines about the end of a throttle, want 3", n)
	}
}

func TestMissingProgramThrottles(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	w.must(os.Remove(w.bin + "/echod"))
	w.dial("public/echo")
	s := w.service("public/echo", cfg.Unix)
	w.until(func() bool { return s.throttled })
	if w.lines("fatal: master_spawn: exec "+w.bin+"/echod: No such file or directory") != 1 {
		t.Error("the log does not say what could not be executed")
	}
}

func TestGossip(t *testing.T) {
	w := newWorld(t)
	w.start("gossip unix n - 1 gossip")
	pid := w.dial("public/gossip").pid()
	if pid == 0 {
		t.Fatal("no answer")
	}
	s := w.service("public/gossip", cfg.Unix)
	w.until(func() bool { return s.idle == 0 })
	if s.total != 1 {
		t.Errorf("%d processes, want 1", s.total)
	}
	if w.lines("sent partial status update (8 bytes)") == 0 {
		t.Error("short reports were not logged")
	}
	if n := w.lines("status"); n > gossipLimit+5 {
		t.Errorf("%d lines in the log: a flood", n)
	}
}

func TestReloadRecyclesProcesses(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 5 echod")
	s := w.service("public/echo", cfg.Unix)
	busy := w.dial("public/echo")
	old := busy.pid()
	free := w.dial("public/echo")
	gone := free.pid()
	free.close()
	w.until(func() bool { return s.idle == 1 })

	w.must(w.reload("echo unix n - 5 echod"))
	w.until(func() bool { return s.total == 1 }) // the idle one leaves by itself

	_, err := unix.Write(busy.fd, []byte("still here\n"))
	w.must(err)
	if got := busy.line(); got != "still here" {
		t.Errorf("a busy process did not survive the reload: %q", got)
	}
	next := w.dial("public/echo").pid()
	if next == old || next == gone {
		t.Errorf("process %d from before the reload got a new client", next)
	}
	busy.close()
	w.until(func() bool { return s.total == 1 })
	if n := w.lines("warning:"); n != 0 {
		t.Errorf("%d warnings for an ordinary reload", n)
	}
}

func TestReloadAddsAndRemoves(t *testing.T) {
	w := newWorld(t)
	w.start("a unix n - 5 echod", "b unix n - 5 echod")
	b := w.dial("public/b")
	b.pid()
	w.must(w.reload("a unix n - 5 echod", "c unix n - 5 echod"))
	if w.dial("public/c").pid() == 0 || w.dial("public/a").pid() == 0 {
		t.Error("no answer")
	}
	w.until(func() bool { return len(w.m.children) == 2 }) // b's was asked to end
	if n := w.lines("killed by signal"); n != 0 {
		t.Errorf("%d lines about master's own signals", n)
	}
	fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	w.must(err)
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "public/b"}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a removed service's endpoint: %v, want connection refused", err)
	}
}

func TestStubbornProcessIsKilled(t *testing.T) {
	w := newWorld(t)
	w.start("s unix n - 1 stubborn", "echo unix n - 5 echod")
	w.dial("public/s").pid()
	w.must(w.reload("echo unix n - 5 echod"))
	if w.dial("public/echo").pid() == 0 {
		t.Fatal("no answer while a process does not end")
	}
	if runtime.GOOS == "linux" {
		fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
		w.must(err)
		defer unix.Close(fd)
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "public/s"}); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("a client of the removed service: %v, want connection refused", err)
		}
	}
	looptest.Advance(w.l, 10*time.Second)
	w.until(func() bool { return len(w.m.children) == 1 })
	if w.lines("did not terminate within 10s -- killing") != 1 {
		t.Error("the log does not say that a process was killed")
	}
}

func TestReloadRefused(t *testing.T) {
	w := newWorld(t)
	taken, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	w.must(err)
	defer unix.Close(taken)
	w.must(unix.Bind(taken, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	w.must(unix.Listen(taken, 1))
	name, err := unix.Getsockname(taken)
	w.must(err)
	port := name.(*unix.SockaddrInet4).Port

	w.start("echo unix n - 5 echod")
	c := w.dial("public/echo")
	pid := c.pid()
	before := w.l.Stats()
	for _, bad := range []struct{ entry, text string }{
		{fmt.Sprintf("127.0.0.1:%d inet n - 5 echod", port), fmt.Sprintf(`master.cf, line 2: service "127.0.0.1:%d": bind 127.0.0.1 port %d: Address already in use`, port, port)},
		{"127.0.0.1:nosuchport inet n - 5 echod", `line 2: service "127.0.0.1:nosuchport": unknown port name "nosuchport"`},
		{"nosuchhost.invalid:7 inet n - 5 echod", "line 2: bad hostname or network address: nosuchhost.invalid:7"},
		{"x unix n - 5 nosuchprogram", `line 2: service "x": ` + w.bin + "/nosuchprogram: No such file or directory"},
		{"no/such/dir unix n - 5 echod", `line 2: service "no/such/dir": bind: public/no/such/dir: No such file or directory`},
		{strings.Repeat("x", 120) + " unix n - 5 echod", "unix-domain name too long: public/xxx"},
	} {
		err := w.reload("echo unix n - 5 echod", bad.entry)
		if err == nil || !strings.Contains(err.Error(), bad.text) {
			t.Errorf("%s: error %v, want %q", bad.entry, err, bad.text)
		}
	}
	if s := w.l.Stats(); s.Watches != before.Watches {
		t.Errorf("%d watches, %d before the refused reloads", s.Watches, before.Watches)
	}
	_, err = unix.Write(c.fd, []byte("alive\n"))
	w.must(err)
	if c.line() != "alive" {
		t.Error("a client from before did not survive")
	}
	c.close()
	if got := w.dial("public/echo").pid(); got != pid {
		t.Error("the process was replaced although nothing was reloaded")
	}
}

func TestDuplicateEntry(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 1 crashd", "echo unix n - 5 echod")
	if w.dial("public/echo").pid() == 0 {
		t.Error("the last entry does not count")
	}
	if w.lines(`warning: duplicate master.cf entry for service "echo" (public/echo) -- using the last entry`) != 1 {
		t.Error("no warning")
	}
}

func TestWakeup(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	w.start(
		"poked unix n 60 1 pokedd",
		fmt.Sprintf("127.0.0.1:%d inet n 60 1 pokedd", port),
		"asked unix n 60? 1 pokedd",
	)
	poked := func() string { b, _ := os.ReadFile("poked"); return string(b) }
	w.until(func() bool { return len(poked()) == 4 }) // at once, both
	if w.service("public/asked", cfg.Unix).total != 0 {
		t.Error(`a "?" service was woken before its first use`)
	}
	w.until(func() bool { return len(w.m.triggers) == 0 })
	looptest.Advance(w.l, 60*time.Second)
	w.until(func() bool { return len(poked()) == 8 })
	if got := poked(); strings.Trim(got, "W\x00") != "" {
		t.Errorf("woken by %q", got)
	}
	w.dial("public/asked").close() // the first use
	w.until(func() bool { return len(poked()) == 10 })
}

func freePort(t *testing.T) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return name.(*unix.SockaddrInet4).Port
}

// keeper is a hosted service that keeps its clients until it is told.
type keeper struct {
	h       *Host
	clients []int
	done    []func()
	fails   error // instead of taking a client
	ended   bool
}

func (k *keeper) Accepted(fd int, _ loop.Peer, done func()) error {
	if k.fails != nil {
		return k.fails
	}
	k.clients = append(k.clients, fd)
	k.done = append(k.done, done)
	return nil
}

// release finishes the client who has been there the longest.
func (k *keeper) release() {
	done := k.done[0]
	unix.Close(k.clients[0])
	k.clients, k.done = k.clients[1:], k.done[1:]
	done()
}

func (k *keeper) Shutdown(bool) {
	k.ended = true
	for len(k.clients) > 0 {
		k.release()
	}
}

func TestHosted(t *testing.T) {
	w := newWorld(t)
	w.main = "builtin_services = keep\n"
	var made []*keeper
	w.m.opt.Hosted = map[string]HostFunc{"keep": func(h *Host) (Hosted, error) {
		if len(h.Service.Args) > 0 {
			return nil, errors.New("no arguments wanted")
		}
		made = append(made, &keeper{h: h})
		return made[len(made)-1], nil
	}}
	w.start("k unix n - 2 keep")
	s := w.service("public/k", cfg.Unix)
	for range 3 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.total == 2 })
	looptest.Advance(w.l, time.Second)
	if n := len(made[0].clients); n != 2 {
		t.Fatalf("%d clients at a limit of two", n)
	}
	if w.lines(`has reached its process limit "2"`) != 1 {
		t.Error("the log does not mention the limit")
	}

	// A reload keeps the clients, and they count.
	w.must(w.reload("k unix n - 3 keep"))
	w.until(func() bool { return s.total == 3 })
	if len(made[0].clients) != 2 || len(made[1].clients) != 1 {
		t.Errorf("clients after the reload: %d and %d", len(made[0].clients), len(made[1].clients))
	}
	if err := w.reload("k unix n - 3 keep x"); err == nil || !strings.Contains(err.Error(), `master.cf, line 1: service "k": no arguments wanted`) {
		t.Errorf("a bad entry: %v", err)
	}
	made[0].release()
	w.until(func() bool { return s.total == 2 })
}

func TestInetAddresses(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	w.start(fmt.Sprintf("%d inet n - 1 echod", port))
	s := w.service(fmt.Sprint(port), cfg.Inet)
	for _, ln := range s.listeners {
		if !ln.addr.Addr().IsLoopback() {
			t.Errorf("inet_interfaces = loopback-only, but listening on %s", ln.addr)
		}
	}
	if s.listensOn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))) == nil {
		t.Error("not listening on 127.0.0.1")
	}
}

// TestFrozenParameters reloads with values that a running master cannot
// follow: nothing may open by them.
func TestFrozenParameters(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	w.start("echo unix n - 1 echod")
	w.interfaces = "all"
	w.must(w.reload("echo unix n - 1 echod", fmt.Sprintf("%d inet n - 1 echod", port)))
	for _, ln := range w.service(fmt.Sprint(port), cfg.Inet).listeners {
		if !ln.addr.Addr().IsLoopback() {
			t.Errorf("listening on %s although the change was ignored", ln.addr)
		}
	}
	if w.lines(fmt.Sprintf("warning: service %d: ignoring inet_interfaces change", port)) != 1 {
		t.Error("the log does not say that a change was ignored")
	}
}

func TestHostedWakeupAfterFirstUse(t *testing.T) {
	w := newWorld(t)
	w.main = "builtin_services = keep\n"
	var k *keeper
	w.m.opt.Hosted = map[string]HostFunc{"keep": func(h *Host) (Hosted, error) {
		k = &keeper{h: h}
		return k, nil
	}}
	w.start("k unix n 60? 9 keep")
	looptest.Advance(w.l, time.Hour)
	if len(k.clients) != 0 {
		t.Fatal(`a "?" service was woken before its first use`)
	}
	w.dial("public/k")
	w.until(func() bool { return len(k.clients) == 2 }) // the client, and the first wake-up
}
