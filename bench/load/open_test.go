// SPDX-License-Identifier: ISC

//go:build linux

package load_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/bench/load"
)

// serveUnix is serve on a unix-domain socket.
func serveUnix(t *testing.T, one func(net.Conn)) string {
	t.Helper()
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
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
	return path
}

// answer greets, and says "yes\n" to every "ask\n", as hold allows.
func answer(hold func()) func(net.Conn) {
	return func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "hello\n")
		for buf := make([]byte, 4); ; {
			if _, err := io.ReadFull(conn, buf); err != nil {
				return
			}
			hold()
			_, _ = io.WriteString(conn, "yes\n")
		}
	}
}

func open(path string) load.Open {
	return load.Open{
		Path: path, Clients: 4, Rate: 1000, Hello: []byte("hello\n"), Ask: []byte("ask\n"), Want: []byte("yes\n"),
		Warm: 20 * time.Millisecond, Time: 100 * time.Millisecond,
	}
}

// TestOpen: as many requests are counted as are scheduled, however slow the
// server or this machine.
func TestOpen(t *testing.T) {
	marks := 0
	o := open(serveUnix(t, answer(func() {})))
	o.Mark = func() { marks++ }
	r, err := o.Run(t.Context())
	if err != nil || r.Failed > 0 {
		t.Fatal(err, r.Failure)
	}
	if len(r.Latency) != 100 || marks != 2 || r.Took < o.Time || r.Latency[0] <= 0 {
		t.Errorf("%d counted in %v, marked %d times, %v", len(r.Latency), r.Took, marks, r.Latency)
	}
}

// TestOpenLate: what waits because all connections wait counts from when it was
// due.
func TestOpenLate(t *testing.T) {
	const held = 150 * time.Millisecond
	until := sync.OnceValue(func() time.Time { return time.Now().Add(held) }) // from the first request on
	o := open(serveUnix(t, answer(func() { time.Sleep(time.Until(until())) })))
	o.Warm = 0
	r, err := o.Run(t.Context())
	if err != nil || r.Failed > 0 {
		t.Fatal(err, r.Failure)
	}
	if len(r.Latency) != 100 {
		t.Fatalf("%d counted", len(r.Latency))
	}
	if longest := r.Latency[99]; longest < held {
		t.Errorf("the longest is %v: it was not counted from when it was due", longest)
	}
}

func TestOpenFailures(t *testing.T) {
	for _, test := range []struct {
		name string
		one  func(net.Conn)
		want string
	}{
		{"another answer", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "hello\n")
			_, _ = conn.Read(make([]byte, 10))
			_, _ = io.WriteString(conn, "no\n")
		}, `answered with "no\n"`},
		{"too much", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "hello\n")
			_, _ = conn.Read(make([]byte, 10))
			_, _ = io.WriteString(conn, "yes\nyes\n")
		}, `answered with "yes\nyes\n"`},
		{"the end", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "hello\n")
			_, _ = conn.Read(make([]byte, 10))
			_ = conn.Close()
		}, "closed a connection"},
	} {
		o := open(serveUnix(t, test.one))
		r, err := o.Run(t.Context())
		if err != nil || r.Failed == 0 || !strings.Contains(r.Failure.Error(), test.want) {
			t.Errorf("%s: %v, %+v", test.name, err, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := open(serveUnix(t, answer(func() {})))
	o.Mark = load.Mark(cancel)
	if _, err := o.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is given up says %v", err)
	}
}
