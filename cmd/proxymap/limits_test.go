// SPDX-License-Identifier: ISC

package main

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/services/skeleton/mastertest"
)

// fakeServer is a tcp_table(5) server which finds every key, but lets those wait
// that begin with "slow".
type fakeServer struct {
	ln      net.Listener
	release chan struct{} // closed: the slow ones are answered
	let     func()        // closes it
	hear    chan string   // slow keys, as they come
	wg      sync.WaitGroup

	mu          sync.Mutex
	asked       map[string]int
	open, most  int // connections
	connections map[net.Conn]bool
}

func newServer(t *testing.T) *fakeServer {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	s := &fakeServer{ln: ln, release: make(chan struct{}), hear: make(chan string, 1000), asked: map[string]int{}, connections: map[net.Conn]bool{}}
	s.let = sync.OnceFunc(func() { close(s.release) })
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.let()
		_ = ln.Close()
		s.mu.Lock()
		for c := range s.connections {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *fakeServer) ref() string { return "tcp:" + s.ln.Addr().String() }

func (s *fakeServer) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.connections[c] = true
		s.open++
		s.most = max(s.most, s.open)
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(c) })
	}
}

func (s *fakeServer) serve(c net.Conn) {
	defer func() {
		s.mu.Lock()
		s.open--
		delete(s.connections, c)
		s.mu.Unlock()
		_ = c.Close()
	}()
	for in := bufio.NewScanner(c); in.Scan(); {
		key := strings.TrimPrefix(in.Text(), "get ")
		s.mu.Lock()
		s.asked[key]++
		s.mu.Unlock()
		if strings.HasPrefix(key, "slow") {
			s.hear <- key
			<-s.release
		}
		_, _ = fmt.Fprintf(c, "200 value-of-%s\n", key)
	}
}

// times is how often a key was asked for.
func (s *fakeServer) times(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key]
}

// begin sends a lookup, whose answer is to be read with list.
func (c *conversation) begin(ref, key string) {
	c.t.Helper()
	c.send("request=lookup", "table="+ref, "flags=0", "key="+key)
}

// TestSlowOneAmongMany: one key that takes its time, and 64 others who ask the
// same table and another one are answered all the while; so are those who ask
// while as many connections as are allowed but one wait.
func TestSlowOneAmongMany(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:static:all proxy:" + s.ref() + "\nproxymap_connection_limit = 3\n"})
	slow := []*conversation{talk(t, d.Dial()), talk(t, d.Dial())}
	for i, c := range slow {
		c.begin(s.ref(), fmt.Sprint("slow", i))
	}
	<-s.hear
	<-s.hear
	var clients []*conversation
	for range 64 {
		clients = append(clients, talk(t, d.Dial()))
	}
	for round := range 20 {
		for i, c := range clients {
			c.begin(s.ref(), fmt.Sprintf("k%d-%d", round, i))
		}
		for i, c := range clients {
			if got, want := c.list(), fmt.Sprintf("status=0 value=value-of-k%d-%d", round, i); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			if got := c.lookup("static:all", "k"); got != "status=0 value=all" {
				t.Fatal(got)
			}
		}
	}
	s.let()
	for i, c := range slow {
		if got, want := c.list(), fmt.Sprint("status=0 value=value-of-slow", i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if s.most > 3 {
		t.Errorf("%d connections", s.most)
	}
}

// TestConnectionLimit: a server sees as many connections as are allowed, however
// many clients there are and however they ask; and a key once.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:" + s.ref() + " proxy:unionmap:{" + s.ref() + "}\n" +
		"proxymap_table_settings = { " + s.ref() + ", connection_limit = 2 }\n"})
	var clients []*conversation
	for i := range 60 {
		c := talk(t, d.Dial())
		clients = append(clients, c)
		words := []string{"request=lookup", "table=" + s.ref(), "flags=0", fmt.Sprint("key=slow", i%20)}
		switch i % 4 {
		case 1: // another dialect
			words = slices.Insert(words, 2, "instance_flags=0")
		case 2: // other flags
			words[2] = "flags=2048"
		case 3:
			words[1] = "table=unionmap:{" + s.ref() + "}"
		}
		c.send(words...)
	}
	<-s.hear
	<-s.hear
	s.let()
	for i, c := range clients {
		if got, want := c.list(), fmt.Sprint("value=value-of-slow", i%20); !strings.HasPrefix(got, "status=0 ") || !strings.HasSuffix(got, want) {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
	if s.most != 2 {
		t.Errorf("%d connections", s.most)
	}
}

// TestQueueLimit: who is one too many is told at once.
func TestQueueLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:" + s.ref() + "\nproxymap_queue_limit = 3\nproxymap_connection_limit = 1\n"})
	var clients []*conversation
	for i := range 3 {
		c := talk(t, d.Dial())
		c.begin(s.ref(), fmt.Sprint("slow", i))
		clients = append(clients, c)
		if i == 0 {
			<-s.hear
		}
	}
	last := talk(t, d.Dial())
	if got := last.lookup(s.ref(), "more"); got != "status=2 value=" {
		t.Fatalf("there is room for one more: %s", got)
	}
	d.WaitLog("warning: table " + s.ref() + ": too many requests are waiting for the server -- more of them are told to try again")
	s.let()
	for i, c := range clients {
		if got, want := c.list(), fmt.Sprint("status=0 value=value-of-slow", i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := last.lookup(s.ref(), "k"); got != "status=0 value=value-of-k" {
		t.Error(got)
	}
}

// TestTimeLimit: who waits too long is told then, and what comes afterwards is
// nobody's answer.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:" + s.ref() + "\nproxymap_table_settings = { " + s.ref() + " time_limit = 1s }\n"})
	c := talk(t, d.Dial())
	began := time.Now()
	if got := c.lookup(s.ref(), "slow"); got != "status=2 value=" {
		t.Error(got)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("given up after %s", took)
	}
	s.let()
	for i := range 10 {
		if got, want := c.lookup(s.ref(), fmt.Sprint("k", i)), fmt.Sprint("status=0 value=value-of-k", i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestLeftAlone: a server that is not there is found out in a few lines of the
// log, and found again when it is.
func TestLeftAlone(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	addr := ln.Addr().String()
	must(t, ln.Close())
	ref := "socketmap:inet:" + addr + ":m"
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:" + ref + "\nproxymap_table_settings = {" + ref + ", failure_limit = 2}\n"})
	c := talk(t, d.Dial())
	const alone = "requests in a row without an answer -- not asking it for 1s"
	for !strings.Contains(d.Log(), alone) {
		if got := c.lookup(ref, "k"); got != "status=2 value=" {
			t.Fatal(got)
		}
	}
	for range 100 {
		if got := c.lookup(ref, "k"); got != "status=2 value=" {
			t.Fatal(got)
		}
	}
	if n := strings.Count(d.Log(), "proxymap["); n > 2*2+1 {
		t.Errorf("%d lines in the log:\n%s", n, d.Log())
	}
	ln, err = net.Listen("tcp4", addr)
	must(t, err)
	defer func() { _ = ln.Close() }()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		for buf := make([]byte, 100); err == nil; {
			if _, err = conn.Read(buf); err == nil {
				_, err = conn.Write([]byte("6:OK yes,"))
			}
		}
		_ = conn.Close()
	}()
	end := time.Now().Add(mastertest.Patience)
	for got := ""; got != "status=0 value=yes"; got = c.lookup(ref, "k") {
		if time.Now().After(end) {
			t.Fatalf("still %s:\n%s", got, d.Log())
		}
	}
	d.WaitLog("table " + ref + ": is answered again")
}

// TestRemembers: what is to be remembered is not asked for twice, the rest is.
func TestRemembers(t *testing.T) {
	t.Parallel()
	s, plain := newServer(t), newServer(t)
	d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:" + s.ref() + ", proxy:" + plain.ref() + "\nproxymap_cache_time = 1h\n" +
		"proxymap_table_settings = {" + plain.ref() + ", cache_time = 0}\n"})
	one, two := talk(t, d.Dial()), talk(t, d.Dial())
	for range 3 {
		for _, c := range []*conversation{one, two} {
			for _, from := range []*fakeServer{s, plain} {
				if got := c.lookup(from.ref(), "k"); got != "status=0 value=value-of-k" {
					t.Error(got)
				}
			}
		}
	}
	if s.times("k") != 1 || plain.times("k") != 6 {
		t.Errorf("asked %d times, want 1, and %d times, want 6", s.times("k"), plain.times("k"))
	}
}

// TestTableSettings: what is wrong with them is said at the start.
func TestTableSettings(t *testing.T) {
	t.Parallel()
	for main, want := range map[string]string{
		"proxymap_queue_limit = 0\n":                               "main.cf, line 4: invalid proxymap_queue_limit parameter value 0 < 1",
		"proxymap_table_settings = { tcp:x:1, time_limit = 0 }\n":  "main.cf, line 4: proxymap_table_settings: table tcp:x:1: invalid proxymap_time_limit: 0 (min 1)",
		"proxymap_table_settings = { tcp:x:1, connections = 2 }\n": `proxymap_table_settings: table tcp:x:1: unknown setting "connections"; specify one of cache_size_limit, `,
	} {
		d := start(t, mastertest.Options{Main: main})
		d.Exits(1)
		if log := d.Log(); !strings.Contains(log, "fatal: ") || !strings.Contains(log, want) {
			t.Errorf("%s: the log has %s", main, log)
		}
	}
	for _, service := range []string{"proxymap", "proxywrite"} {
		d := start(t, mastertest.Options{Main: "proxy_read_maps = proxy:static:a\nproxy_write_maps = proxy:internal:b\n" +
			"proxymap_table_settings = { static:a }, { internal:b }, { static:c, queue_limit = 1 }\n"}, "-n", service)
		talk(t, d.Dial())
		d.WaitLog("warning: proxymap_table_settings: table static:c is neither in proxy_read_maps nor in proxy_write_maps")
		if n := strings.Count(d.Log(), "warning: "); n != 1 {
			t.Errorf("%d warnings:\n%s", n, d.Log())
		}
	}
}
