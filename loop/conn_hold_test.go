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

// TestConnHoldThenClose: a peer that takes nothing cannot keep a connection
// that was held when it was closed, nor one without a limit of its own.
func TestConnHoldThenClose(t *testing.T) {
	for name, test := range map[string]struct {
		lim  loop.Limits
		hold bool
		wait time.Duration
	}{
		"held":           {loop.Limits{Idle: time.Second}, true, time.Second},
		"no limit":       {loop.Limits{}, false, loop.DrainIdle},
		"held, no limit": {loop.Limits{}, true, loop.DrainIdle},
	} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			h := &recorder{}
			c, _ := conn(t, l, h, test.lim)
			if test.hold {
				c.Hold()
			}
			c.Write(bytes.Repeat([]byte("x"), 4<<20))
			c.Close(nil)
			turn(t, l)
			looptest.Advance(l, test.wait-1)
			if h.closed != 0 {
				t.Fatalf("closed early: %v", h.err)
			}
			looptest.Advance(l, 1)
			if h.closed != 1 || !errors.Is(h.err, loop.ErrIdle) {
				t.Errorf("Closed called %d times, with %v", h.closed, h.err)
				c.Close(errors.New("enough"))
				turn(t, l)
			}
		})
	}
}

// asker is a handler that answers a line when it is told that the answer has
// come, and only then.
type asker struct {
	recorder
	answered bool
}

func newAsker(hold bool) *asker {
	h := &asker{}
	h.data = func(c *loop.Conn, in []byte) int {
		if !h.answered {
			if hold {
				c.Hold()
			}
			return 0
		}
		h.answered = false
		n := bytes.IndexByte(in, '\n') + 1
		c.Write(in[:n])
		return n
	}
	return h
}

// TestConnAgainAtEnd: a whole request that lies unused is answered though the
// answer comes in the very turn that finds the end of input.
func TestConnAgainAtEnd(t *testing.T) {
	for name, hold := range map[string]bool{"held": true, "not held": false} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			h := newAsker(hold)
			r, w := pipe(t)
			var c *loop.Conn
			// Registered first, ready first: its event is served first.
			watched := watch(t, l, r, readable, func(loop.Ready) {
				drain(t, r)
				h.answered = true
				c.Again()
			})
			c, theirs := conn(t, l, h, loop.Limits{})
			write(t, theirs, "request\n")
			if !hold {
				turn(t, l) // Data leaves it, and reading goes on
				turn(t, l) // with nothing to be read, until now
			}
			write(t, w, "x")
			shutdown(t, theirs)
			looptest.Until(t, l, func() bool { return h.closed > 0 })
			if got := drain(t, theirs); got != "request\nEOF" || h.err != nil {
				t.Errorf("the peer got %q; closed: %v", got, h.err)
			}
			watched.Stop()
			closeFd(t, r)
			closeFd(t, w)
		})
	}
}

// TestConnAgainNextTurn: whoever asks for Data gets it in the next turn, and
// without waiting, wherever in a turn it is asked.
func TestConnAgainNextTurn(t *testing.T) {
	for name, begin := range map[string]func(l *loop.Loop, f func()){
		"timer": func(l *loop.Loop, f func()) { l.After(0, f) },
		"later": func(l *loop.Loop, f func()) { l.Later(f) },
		"post":  func(l *loop.Loop, f func()) { l.Post(f) },
	} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			h := newAsker(true)
			c, theirs := conn(t, l, h, loop.Limits{Idle: time.Second})
			write(t, theirs, "request\n")
			turn(t, l)
			begin(l, func() {
				h.answered = true
				c.Again()
			})
			turn(t, l)
			if h.calls != 1 {
				t.Fatal("Data was called in the turn that asked for it")
			}
			if err := l.Turn(-1); err != nil {
				t.Fatal(err)
			}
			if got := drain(t, theirs); got != "request\n" {
				t.Errorf("the peer got %q", got)
			}
			finish(t, l, c)
		})
	}
}

// TestConnIdleAfterStall: time that the loop itself has lost is nobody's idle
// time. Input that waits is read, however many connections have some.
func TestConnIdleAfterStall(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	c, theirs := conn(t, l, h, loop.Limits{Idle: 10 * time.Second})
	c.Write([]byte(strings.Repeat("x", 4<<20)))
	turn(t, l)
	drain(t, theirs) // there is room again
	const n = 300    // more than one wait fetches
	var all []*recorder
	var conns []*loop.Conn
	for range n {
		h := &recorder{}
		c, theirs := conn(t, l, h, loop.Limits{Idle: 10 * time.Second})
		all, conns = append(all, h), append(conns, c)
		write(t, theirs, "request\n")
	}
	l.Skip(time.Minute)
	for range 3 {
		turn(t, l)
	}
	for _, h := range all {
		if string(h.got) != "request\n" || h.closed != 0 {
			t.Fatalf("read %q; Closed called %d times, with %v", h.got, h.closed, h.err)
		}
	}
	if h.closed != 0 {
		t.Errorf("output could have moved; closed: %v", h.err)
	}
	looptest.Advance(l, 10*time.Second)
	for _, h := range all {
		if !errors.Is(h.err, loop.ErrIdle) {
			t.Fatalf("Closed called %d times, with %v", h.closed, h.err)
		}
	}
	c.Close(errors.New("enough"))
	for _, c := range conns {
		c.Close(nil)
	}
	turn(t, l)
}

// TestConnWriteOnly: the writing end of a pipe has no input, and learns from a
// write that its reader has gone.
func TestConnWriteOnly(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	r, w := pipe(t)
	c, err := l.Conn(w, h, loop.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("output"))
	turn(t, l)
	if got := drain(t, r); got != "output" {
		t.Errorf("read %q", got)
	}
	closeFd(t, r)
	turn(t, l)
	if h.closed != 0 {
		t.Fatalf("closed: %v", h.err)
	}
	c.Write([]byte("more"))
	turn(t, l)
	turn(t, l)
	if h.closed != 1 || !errors.Is(h.err, unix.EPIPE) {
		t.Errorf("Closed called %d times, with %v", h.closed, h.err)
	}
}

// TestConnReadOnly: the reading end takes no output, and says so.
func TestConnReadOnly(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	r, w := pipe(t)
	c, err := l.Conn(r, h, loop.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, "input\n")
	turn(t, l)
	if string(h.got) != "input\n" {
		t.Errorf("read %q", h.got)
	}
	c.Write([]byte("output"))
	turn(t, l)
	if h.closed != 1 || !errors.Is(h.err, unix.EBADF) {
		t.Errorf("Closed called %d times, with %v", h.closed, h.err)
	}
	closeFd(t, w)
}
