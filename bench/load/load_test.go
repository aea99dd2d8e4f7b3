// SPDX-License-Identifier: ISC

//go:build linux

package load_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postloop/bench/load"
	"postloop/services/lspawn/lspawntest"
)

// serve has every connection served, in a goroutine, until the test ends.
func serve(t *testing.T, one func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go one(conn)
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// say writes and closes.
func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func TestClosed(t *testing.T) {
	var served atomic.Int64
	addr := serve(t, func(conn net.Conn) {
		served.Add(1)
		say("hello\n")(conn)
	})
	marks := 0
	c := load.Closed{
		Addr: addr, Clients: 4, Want: []byte("hello\n"), Warm: 20 * time.Millisecond, Time: 50 * time.Millisecond,
		Mark: func() { marks++ },
	}
	r, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed > 0 || r.Failure != nil {
		t.Errorf("%d failed: %v", r.Failed, r.Failure)
	}
	if n := int64(len(r.Latency)); n == 0 || n > served.Load() {
		t.Errorf("%d connections counted, %d served", n, served.Load())
	}
	if r.Took < c.Time || r.CPU <= 0 || r.CPU > r.Took || marks != 2 {
		t.Errorf("took %v of %v, used %v, marked %d times", r.Took, c.Time, r.CPU, marks)
	}
	for i, d := range r.Latency {
		if d <= 0 || i > 0 && d < r.Latency[i-1] {
			t.Fatalf("latency %d is %v", i, d)
		}
	}
}

// TestClosedFailures: an answer that is not the wanted one is a failure, and
// no answer is counted.
// TestClosedAsks: the client asks when it was greeted, and ends the connection.
func TestClosedAsks(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				_, err := io.WriteString(conn, "welcome\n")
				for buf := make([]byte, 3); err == nil; {
					if _, err = io.ReadFull(conn, buf); err == nil {
						_, err = io.WriteString(conn, "some answer")
					}
				}
			})
		}
	})
	defer wg.Wait()
	defer func() { _ = ln.Close() }()
	c := load.Closed{Path: path, Clients: 3, Hello: []byte("welcome\n"), Ask: []byte("ask"), Want: []byte("some answer"), Time: 20 * time.Millisecond}
	r, err := c.Run(t.Context())
	if err != nil || r.Failed > 0 || len(r.Latency) == 0 {
		t.Errorf("%v, %+v", err, r)
	}
	c.Want = []byte("some other")
	if r, err = c.Run(t.Context()); err != nil || r.Failed == 0 {
		t.Errorf("a wrong answer: %v, %+v", err, r)
	}
}

func TestClosedFailures(t *testing.T) {
	for _, test := range []struct{ name, answer, failure string }{
		{"nothing", "", "ends after 0 of 6"},
		{"short", "hel", "ends after 3 of 6"},
		{"wrong", "hullo\n", "answered with"},
		{"long", "hello\nhello\n", "answered with"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load.Closed{Addr: serve(t, say(test.answer)), Clients: 2, Want: []byte("hello\n"), Time: 20 * time.Millisecond}
			r, err := c.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Failed == 0 || len(r.Latency) > 0 || !strings.Contains(r.Failure.Error(), test.failure) {
				t.Errorf("%d failed, %d counted: %v", r.Failed, len(r.Latency), r.Failure)
			}
		})
	}
}

// TestClosedSlow: an answer that takes longer than the counted time is waited
// for.
func TestClosedSlow(t *testing.T) {
	release := make(chan struct{})
	addr := serve(t, func(conn net.Conn) {
		<-release
		say("x")(conn)
	})
	c := load.Closed{Addr: addr, Clients: 1, Want: []byte("x"), Time: 10 * time.Millisecond}
	c.Mark = sync.OnceFunc(func() { time.AfterFunc(50*time.Millisecond, func() { close(release) }) })
	r, err := c.Run(t.Context())
	if err != nil || len(r.Latency) == 0 || r.Failed > 0 {
		t.Errorf("%d answers, %d failed, %v, %v", len(r.Latency), r.Failed, r.Failure, err)
	}
}

// TestClosedRefused: who listens to nobody has failed, and the load ends.
func TestClosedRefused(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(ln.Addr().String())
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	c := load.Closed{Addr: addr, Clients: 2, Want: []byte("x"), Time: 20 * time.Millisecond}
	if r, err := c.Run(t.Context()); err == nil && r.Failed == 0 {
		t.Error("nobody listens, and nothing fails")
	}
}

func TestClosedCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := load.Closed{
		Addr: serve(t, say("x")), Clients: 2, Want: []byte("x"), Time: time.Hour,
		Mark: load.Mark(cancel),
	}
	if _, err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, and the load ends with %v", err)
	}
}

// TestClosedElsewhere: no load leaves this machine.
func TestClosedElsewhere(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:80", "[::1]:80", "0.0.0.0:80"} {
		c := load.Closed{Addr: netip.MustParseAddrPort(addr), Clients: 1, Time: time.Millisecond}
		if _, err := c.Run(t.Context()); err == nil {
			t.Errorf("a load on %s runs", addr)
		}
	}
}

// TestEcho: messages come back, on TCP and on a unix-domain socket, and are
// counted.
func TestEcho(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	back := func(conn net.Conn) {
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go back(conn)
		}
	}()
	for _, e := range []load.Echo{{Addr: serve(t, back)}, {Path: path}} {
		marks := 0
		e.Clients, e.Size, e.Warm, e.Time, e.Mark = 5, 64, 5*time.Millisecond, 50*time.Millisecond, func() { marks++ }
		r, err := e.Run(t.Context())
		if err != nil || r.Failed > 0 {
			t.Fatal(err, r.Failure)
		}
		if len(r.Latency) == 0 || r.Took < e.Time || r.CPU <= 0 || marks != 2 || r.Latency[0] <= 0 {
			t.Errorf("%d messages in %v, %v used, marked %d times", len(r.Latency), r.Took, r.CPU, marks)
		}
	}
}

// TestEchoAnswers: a server that greets, and answers in its own words.
func TestEchoAnswers(t *testing.T) {
	answer := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		_, err := io.WriteString(conn, "welcome\n")
		for buf := make([]byte, 3); err == nil; {
			if _, err = io.ReadFull(conn, buf); err == nil {
				_, err = io.WriteString(conn, "some answer")
			}
		}
	}
	e := load.Echo{Addr: serve(t, answer), Clients: 3, Hello: []byte("welcome\n"), Ask: []byte("ask"), Want: []byte("some answer"), Time: 20 * time.Millisecond}
	r, err := e.Run(t.Context())
	if err != nil || r.Failed > 0 || len(r.Latency) == 0 {
		t.Errorf("%v, %+v", err, r)
	}
	e.Want = []byte("some other")
	if r, err = e.Run(t.Context()); err != nil || r.Failed == 0 {
		t.Errorf("a wrong answer: %v, %+v", err, r)
	}
	e.Hello = []byte("hello")
	if _, err = e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "is the greeting") {
		t.Errorf("a wrong greeting: %v", err)
	}
}

// TestEchoDepth: several messages are under way at once, and those that are
// left in the end are waited for, or counted when nothing comes.
func TestEchoDepth(t *testing.T) {
	answers := func(leaves int) func(net.Conn) {
		return func(conn net.Conn) {
			defer func() { _ = conn.Close() }()
			for buf := make([]byte, 100); ; {
				// All of the first must have come before any is answered.
				if _, err := io.ReadFull(conn, buf[:3*len("ask")]); err != nil {
					return
				}
				if _, err := io.WriteString(conn, strings.Repeat("answer", 3-leaves)); err != nil {
					return
				}
				for n := 0; ; {
					m, err := conn.Read(buf[n:])
					if err != nil {
						return
					}
					n += m
					_, err = io.WriteString(conn, strings.Repeat("answer", n/len("ask")))
					if n %= len("ask"); err != nil {
						return
					}
				}
			}
		}
	}
	for leaves := range 3 {
		e := load.Echo{Addr: serve(t, answers(leaves)), Clients: 2, Depth: 3, Ask: []byte("ask"), Want: []byte("answer"), Time: 20 * time.Millisecond}
		r, err := e.Run(t.Context())
		if err != nil || r.Failed > 0 || len(r.Latency) == 0 || r.Left != 2*leaves {
			t.Errorf("%v, %d messages, %d failed, %d left of %d", err, len(r.Latency), r.Failed, r.Left, 2*leaves)
		}
	}
}

// TestEchoStuck: who is not answered is not forgotten.
func TestEchoStuck(t *testing.T) {
	first := make(chan bool, 1)
	first <- true
	e := load.Echo{Clients: 3, Size: 8, Time: 50 * time.Millisecond, Addr: serve(t, func(conn net.Conn) {
		select {
		case <-first: // is never answered
			_, _ = io.Copy(io.Discard, conn)
		default:
			_, _ = io.Copy(conn, conn)
		}
		_ = conn.Close()
	})}
	r, err := e.Run(t.Context())
	if err != nil || r.Failed > 0 || len(r.Latency) < 2 || r.Latency[len(r.Latency)-1] < e.Time {
		t.Errorf("%v, %d messages, %d failed", err, len(r.Latency), r.Failed)
	}
}

func TestEchoFailures(t *testing.T) {
	for name, test := range map[string]struct {
		serve   func(net.Conn)
		failure string
	}{
		"closed": {say(""), "closed"},
		"wrong":  {say("abcX"), "came back"},
	} {
		e := load.Echo{Addr: serve(t, test.serve), Clients: 2, Size: 8, Time: time.Second}
		r, err := e.Run(t.Context())
		if err == nil && (r.Failed == 0 || !strings.Contains(r.Failure.Error(), test.failure) && !strings.Contains(r.Failure.Error(), "reset")) {
			t.Errorf("%s: %v", name, r.Failure)
		}
	}
	e := load.Echo{Addr: netip.MustParseAddrPort("192.0.2.1:7"), Clients: 1, Size: 1, Time: time.Millisecond}
	if _, err := e.Run(t.Context()); err == nil {
		t.Error("a load leaves this machine")
	}
}

func TestHold(t *testing.T) {
	var open atomic.Int64
	addr := serve(t, func(conn net.Conn) {
		open.Add(1)
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
		open.Add(-1)
	})
	h, err := load.Hold(t.Context(), addr, 10)
	if err != nil {
		t.Fatal(err)
	}
	if n := open.Load(); n != 10 {
		t.Errorf("%d connections are open", n)
	}
	if n, err := h.Echo("again\n"); n != 10 || err != nil {
		t.Errorf("%d echoes, %v", n, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := load.Hold(t.Context(), serve(t, say("other")), 1); err == nil {
		t.Error("what is no echo is taken for one")
	}
}

// TestGapped: connections with a rest between them.
func TestGapped(t *testing.T) {
	marks := 0
	g := load.Gapped{
		Addr: serve(t, say("hello\n")), Gap: time.Millisecond, Want: []byte("hello\n"), Time: 20 * time.Millisecond, Mark: func() { marks++ },
	}
	r, err := g.Run(t.Context())
	if err != nil || r.Failed > 0 || len(r.Latency) == 0 || r.Latency[0] <= 0 || marks != 2 || r.Took < g.Time {
		t.Errorf("%v, %+v, marked %d times", err, r, marks)
	}
	for _, want := range []string{"hello\nand more", "good day"} {
		g.Want = []byte(want)
		if r, err := g.Run(t.Context()); err != nil || r.Failed != 1 {
			t.Errorf("want %q: %v, %+v", want, err, r)
		}
	}
	g.Addr = netip.MustParseAddrPort("192.0.2.1:7")
	if _, err := g.Run(t.Context()); err == nil {
		t.Error("a load leaves this machine")
	}
}

// TestDeliver: every delivery is reported, and one that has failed is found
// out.
func TestDeliver(t *testing.T) {
	for _, verdict := range []string{"Kdelivered", "Zdeferred"} {
		theirIn, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		out, theirOut, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			commands := bufio.NewReader(theirIn)
			for {
				number := make([]byte, 2)
				if _, err := io.ReadFull(commands, number); err != nil {
					return
				}
				for range 5 {
					if _, err := commands.ReadString(0); err != nil {
						return
					}
				}
				if _, err := theirOut.WriteString(string(number) + verdict + "\x00"); err != nil {
					return
				}
			}
		})
		d := load.Deliver{
			In: in, Out: out, Command: lspawntest.Command{Messid: "7/1", Recipient: "joe@example.com"}, Clients: 5, Time: 20 * time.Millisecond,
		}
		r, err := d.Run(t.Context())
		if err != nil || (r.Failed > 0) != (verdict[0] == 'Z') || (len(r.Latency) > 0) != (verdict[0] == 'K') {
			t.Errorf("%s: %v, %d reports, %d failed: %v", verdict, err, len(r.Latency), r.Failed, r.Failure)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		for _, f := range []*os.File{out, theirIn, theirOut} {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
