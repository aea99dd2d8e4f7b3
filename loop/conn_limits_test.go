// SPDX-License-Identifier: ISC

package loop_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestConnTooLong: a request of exactly the limit passes, one byte more does
// not, in one piece or many.
func TestConnTooLong(t *testing.T) {
	for _, step := range []int{1, 3, 1000} {
		for _, size := range []int{9, 10, 11} {
			l := looptest.New(t)
			h := &recorder{}
			c, theirs := conn(t, l, h, loop.Limits{Input: 10})
			request := strings.Repeat("x", size-1) + "\n"
			for len(request) > 0 && h.closed == 0 {
				n := min(step, len(request))
				write(t, theirs, request[:n])
				request = request[n:]
				turn(t, l)
			}
			switch {
			case size > 10 && !errors.Is(h.err, loop.ErrTooLong):
				t.Errorf("%d bytes in steps of %d: Closed %d times, %v", size, step, h.closed, h.err)
			case size <= 10 && (h.closed != 0 || len(h.got) != size):
				t.Errorf("%d bytes in steps of %d: %q, %v", size, step, h.got, h.err)
			}
			finish(t, l, c)
		}
	}
}

// TestConnPipelined: much more than the limit is no matter when it is many
// requests.
func TestConnPipelined(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	h.data = func(c *loop.Conn, in []byte) int {
		n := bytes.IndexByte(in, '\n') + 1
		c.Write(in[:n])
		return n
	}
	c, theirs := conn(t, l, h, loop.Limits{Input: 16})
	input := strings.Repeat("request\n", 1000)
	write(t, theirs, input)
	var reply string
	looptest.Until(t, l, func() bool {
		reply += drain(t, theirs)
		return len(reply) >= len(input)
	})
	if reply != input {
		t.Error("the replies are not those to the requests")
	}
	if h.closed > 0 {
		t.Errorf("closed: %v", h.err)
	}
	finish(t, l, c)
}

// TestConnIdle: nothing may be still for too long, and everything that moves
// starts the time again.
func TestConnIdle(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	c, theirs := conn(t, l, h, loop.Limits{Idle: 10 * time.Second})
	for range 3 {
		looptest.Advance(l, 9*time.Second)
		write(t, theirs, "x")
		turn(t, l)
	}
	looptest.Advance(l, 9*time.Second)
	c.Write([]byte("y"))
	turn(t, l)
	looptest.Advance(l, 9*time.Second)
	if h.closed != 0 {
		t.Fatalf("closed early: %v", h.err)
	}
	looptest.Advance(l, time.Second)
	if h.closed != 1 || !errors.Is(h.err, loop.ErrIdle) {
		t.Errorf("Closed called %d times, with %v", h.closed, h.err)
	}
}

// TestConnBackpressure: a peer that sends requests and reads no replies makes
// us hold no more than the limits, then stops being read, and gets everything
// when it reads again.
func TestConnBackpressure(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	reply := bytes.Repeat([]byte("r"), 1000)
	most := 0
	h.data = func(c *loop.Conn, in []byte) int {
		n := bytes.IndexByte(in, '\n') + 1
		if n > 0 {
			c.Write(reply)
			most = max(most, c.Queued())
		}
		return n
	}
	lim := loop.Limits{Idle: time.Minute, Input: 100, Output: 5000}
	c, theirs := conn(t, l, h, lim)
	request := []byte("0123456789\n")
	sent := 0
	for quiet := 0; quiet < 3; { // until nobody moves
		n, err := unix.Write(theirs, request)
		if err == nil {
			sent++
			if n != len(request) {
				t.Fatal("half a request was taken")
			}
		}
		before := h.calls
		turn(t, l)
		if err != nil && h.calls == before {
			quiet++
		} else {
			quiet = 0
		}
	}
	if most > lim.Output+len(reply) {
		t.Errorf("%d bytes were queued, the limit is %d", most, lim.Output)
	}
	got := 0
	looptest.Until(t, l, func() bool {
		got += len(drain(t, theirs))
		return got >= sent*len(reply)
	})
	if got != sent*len(reply) || h.closed != 0 {
		t.Errorf("%d bytes for %d requests; closed: %v", got, sent, h.err)
	}
	if c.Queued() != 0 {
		t.Errorf("%d bytes are queued", c.Queued())
	}
	// And the same peer, reading no more, is idle.
	for c.Queued() <= lim.Output {
		if _, err := unix.Write(theirs, request); err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		turn(t, l)
	}
	looptest.Advance(l, time.Minute)
	if !errors.Is(h.err, loop.ErrIdle) {
		t.Errorf("closed: %v", h.err)
	}
}

// TestConnDrain: Close(nil) sends everything, however long the peer takes, as
// long as something moves.
func TestConnDrain(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	c, theirs := conn(t, l, h, loop.Limits{Idle: time.Second})
	all := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	c.Write([]byte(all))
	c.Close(nil)
	write(t, theirs, "not read any more")
	var got strings.Builder
	looptest.Until(t, l, func() bool {
		looptest.Advance(l, 900*ms)
		if got.Len() == 0 && h.calls > 0 {
			t.Error("Data called after Close")
		}
		got.WriteString(drain(t, theirs))
		return h.closed > 0
	})
	got.WriteString(drain(t, theirs))
	// The unread input makes the end a reset on some systems.
	if s := got.String(); !strings.HasPrefix(s, all) || h.err != nil {
		t.Errorf("%d bytes of %d arrived; %v", got.Len(), len(all), h.err)
	}

	h = &recorder{}
	c, _ = conn(t, l, h, loop.Limits{Idle: time.Second})
	c.Write([]byte(all))
	c.Close(nil)
	turn(t, l)
	if h.closed != 0 {
		t.Fatal("closed though not everything was sent")
	}
	looptest.Advance(l, time.Second)
	if !errors.Is(h.err, loop.ErrIdle) {
		t.Errorf("a peer that takes nothing: %v", h.err)
	}
}
