// SPDX-License-Identifier: ISC

package loop_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// recorder is a Handler that keeps what happens. It uses whole lines, or what
// its data function says.
type recorder struct {
	data   func(c *loop.Conn, in []byte) int
	got    []byte // used input
	calls  int
	closed int
	err    error
}

func (h *recorder) Data(c *loop.Conn, in []byte) (used int) {
	h.calls++
	if h.data != nil {
		used = h.data(c, in)
	} else {
		used = bytes.LastIndexByte(in, '\n') + 1
	}
	h.got = append(h.got, in[:used]...)
	return used
}

func (h *recorder) Closed(_ *loop.Conn, err error) {
	h.closed++
	h.err = err
}

// halfRecorder goes on after the end of input.
type halfRecorder struct {
	recorder
	half int
}

func (h *halfRecorder) HalfClosed(*loop.Conn) { h.half++ }

func conn(t testing.TB, l *loop.Loop, h loop.Handler, lim loop.Limits) (c *loop.Conn, theirs int) {
	t.Helper()
	ours, theirs := looptest.Pair(t)
	c, err := l.Conn(ours, h, lim)
	if err != nil {
		t.Fatal(err)
	}
	return c, theirs
}

// finish closes c and takes the turn that ends it.
func finish(t testing.TB, l *loop.Loop, c *loop.Conn) {
	t.Helper()
	c.Close(nil)
	turn(t, l)
}

// TestConnCuts: however the input is cut, what is used is the same, and
// nothing is offered that was used.
func TestConnCuts(t *testing.T) {
	l := looptest.New(t)
	input := "a\nbb\n\nccc\nrest\n"
	for first := range len(input) {
		for second := first; second < len(input); second++ {
			h := &recorder{}
			h.data = func(_ *loop.Conn, in []byte) int { // one line at a time
				return bytes.IndexByte(in, '\n') + 1
			}
			c, theirs := conn(t, l, h, loop.Limits{Input: 8})
			for _, part := range []string{input[:first], input[first:second], input[second:]} {
				if part != "" {
					write(t, theirs, part)
					turn(t, l)
				}
			}
			if string(h.got) != input {
				t.Fatalf("cut at %d and %d: %q", first, second, h.got)
			}
			if c.HoldsBuffer() {
				t.Fatal("an idle connection holds a buffer")
			}
			finish(t, l, c)
			closeFd(t, theirs)
		}
	}
}

// TestConnHold: the answer comes in a later turn; the requests behind it are
// answered after it, in their order, though they were there all the time.
func TestConnHold(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	asked := 0
	answered := false
	h.data = func(c *loop.Conn, in []byte) int {
		n := bytes.IndexByte(in, '\n') + 1
		if !answered {
			asked++
			c.Hold()
			return 0
		}
		answered = false
		c.Write(append([]byte("re:"), in[:n]...))
		return n
	}
	c, theirs := conn(t, l, h, loop.Limits{Idle: time.Second, Input: 4})
	write(t, theirs, "1\n2\n")
	write(t, theirs, strings.Repeat("3", 10))
	turn(t, l)
	looptest.Advance(l, time.Minute) // no idle time runs while held
	write(t, theirs, "4")
	turn(t, l)
	if asked != 1 || h.closed != 0 {
		t.Fatalf("Data was called %d times, Closed %d times (%v)", asked, h.closed, h.err)
	}
	if got := string(c.Unused()); got != "1\n2\n3333333333" {
		t.Errorf("unused: %q", got)
	}
	for _, want := range []string{"re:1\n", "re:2\n"} {
		answered = true
		c.Again()
		turn(t, l)
		if got := drain(t, theirs); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.Close(errors.New("enough"))
	turn(t, l)
	if h.closed != 1 {
		t.Error("not closed")
	}
}

// TestConnEnd: how a connection ends, seen from both sides.
func TestConnEnd(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		peer func(fd int)
		ours func(c *loop.Conn)
		err  error
		last string // what the peer reads
	}{
		"peer leaves":                {peer: func(fd int) { shutdown(t, fd) }, last: "EOF"},
		"peer leaves in mid-request": {peer: func(fd int) { write(t, fd, "half"); shutdown(t, fd) }, err: io.ErrUnexpectedEOF, last: "EOF"},
		"peer leaves, is answered":   {peer: func(fd int) { write(t, fd, "echo\n"); shutdown(t, fd) }, last: "echo\nEOF"},
		"close":                      {ours: func(c *loop.Conn) { c.Close(nil) }, last: "EOF"},
		"write and close":            {ours: func(c *loop.Conn) { c.Write([]byte("bye")); c.Close(nil) }, last: "byeEOF"},
		"close and write":            {ours: func(c *loop.Conn) { c.Close(nil); c.Write([]byte("bye")) }, last: "EOF"},
		"break":                      {ours: func(c *loop.Conn) { c.Write([]byte("bye")); c.Close(broken) }, err: broken, last: "EOF"},
		"close and break":            {ours: func(c *loop.Conn) { c.Write([]byte("bye")); c.Close(nil); c.Close(broken) }, err: broken, last: "EOF"},
		"break and close":            {ours: func(c *loop.Conn) { c.Close(broken); c.Close(nil); c.Close(io.EOF) }, err: broken, last: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			h := &recorder{}
			h.data = func(c *loop.Conn, in []byte) int {
				n := bytes.LastIndexByte(in, '\n') + 1
				c.Write(in[:n])
				return n
			}
			c, theirs := conn(t, l, h, loop.Limits{})
			if test.peer != nil {
				test.peer(theirs)
			}
			if test.ours != nil {
				test.ours(c)
			}
			looptest.Until(t, l, func() bool { return h.closed > 0 })
			turn(t, l)
			if h.closed != 1 || !errors.Is(h.err, test.err) {
				t.Errorf("Closed called %d times, with %v, wanted %v", h.closed, h.err, test.err)
			}
			if got := drain(t, theirs); got != test.last {
				t.Errorf("the peer got %q, wanted %q", got, test.last)
			}
			if fd := c.Detach(); fd != -1 {
				t.Errorf("Detach after the end returns %d", fd)
			}
		})
	}
}

func shutdown(t testing.TB, fd int) {
	t.Helper()
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
}

// TestConnReset: an error that the kernel reports ends the connection with it.
func TestConnReset(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	c, theirs := conn(t, l, h, loop.Limits{})
	closeFd(t, theirs)
	c.Write([]byte("into the void"))
	turn(t, l)
	if h.closed != 1 || !errors.Is(h.err, unix.EPIPE) {
		t.Errorf("Closed called %d times, with %v", h.closed, h.err)
	}
}

// TestConnHalfClosed: who wants to go on after the end of input may.
func TestConnHalfClosed(t *testing.T) {
	l := looptest.New(t)
	h := &halfRecorder{}
	c, theirs := conn(t, l, h, loop.Limits{})
	write(t, theirs, "all\n")
	shutdown(t, theirs)
	looptest.Until(t, l, func() bool { return h.half > 0 })
	turn(t, l)
	turn(t, l)
	if h.half != 1 || h.closed != 0 || string(h.got) != "all\n" {
		t.Fatalf("half-closed %d times, closed %d times, got %q", h.half, h.closed, h.got)
	}
	c.Write([]byte("answer"))
	finish(t, l, c)
	if got := drain(t, theirs); got != "answerEOF" || h.err != nil {
		t.Errorf("the peer got %q; %v", got, h.err)
	}
}

// TestConnDetach hands the descriptor over, from outside and from inside Data,
// with what was read.
func TestConnDetach(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{}
	c, theirs := conn(t, l, h, loop.Limits{Idle: time.Second})
	write(t, theirs, "unused")
	turn(t, l)
	if got := string(c.Unused()); got != "unused" {
		t.Errorf("unused: %q", got)
	}
	c.Write([]byte("not sent"))
	fd := c.Detach()
	turn(t, l)
	if got := drain(t, theirs); got != "" {
		t.Errorf("the peer got %q", got)
	}
	write(t, fd, "from the new owner")
	if got := drain(t, theirs); got != "from the new owner" {
		t.Errorf("the peer got %q", got)
	}
	c.Write(nil)
	c.Write([]byte("x"))
	c.Again()
	c.Hold()
	c.Close(nil)
	turn(t, l)
	if h.closed != 0 {
		t.Error("Closed was called")
	}

	var rest string
	h.data = func(c *loop.Conn, in []byte) int {
		rest = string(c.Unused())
		if fd := c.Detach(); fd != -1 {
			closeFd(t, fd)
		}
		return 1
	}
	if _, err := l.Conn(fd, h, loop.Limits{Idle: time.Second, Input: 4}); err != nil {
		t.Fatal(err)
	}
	write(t, theirs, "abcdefgh")
	turn(t, l)
	if rest != "abcdefgh" {
		t.Errorf("unused: %q", rest)
	}
}

// TestConnFairness: one turn reads no connection twice.
func TestConnFairness(t *testing.T) {
	l := looptest.New(t)
	h := &recorder{data: func(_ *loop.Conn, in []byte) int { return len(in) }}
	c, theirs := conn(t, l, h, loop.Limits{Input: 1 << 20})
	block := strings.Repeat("x", 64<<10)
	write(t, theirs, block)
	write(t, theirs, block)
	turn(t, l)
	if len(h.got) > len(block) {
		t.Errorf("%d bytes were read in one turn", len(h.got))
	}
	looptest.Until(t, l, func() bool { return len(h.got) == 2*len(block) })
	finish(t, l, c)
}

// TestConnClosedStartsMore: Closed may do anything; it is settled in the next
// turn, without waiting.
func TestConnClosedStartsMore(t *testing.T) {
	l := looptest.New(t)
	other, theirs := conn(t, l, &recorder{}, loop.Limits{})
	first, _ := conn(t, l, closer{func() { other.Write([]byte("told")); other.Close(nil) }}, loop.Limits{})
	first.Close(nil)
	turn(t, l)
	if err := l.Turn(-1); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, theirs); got != "toldEOF" {
		t.Errorf("the peer got %q", got)
	}
}

type closer struct{ f func() }

func (closer) Data(_ *loop.Conn, in []byte) int { return len(in) }
func (h closer) Closed(*loop.Conn, error)       { h.f() }

// TestConnRefused: a descriptor that is none stays the caller's problem.
func TestConnRefused(t *testing.T) {
	l := looptest.New(t)
	if _, err := l.Conn(-1, &recorder{}, loop.Limits{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("%v", err)
	}
	r, w := pipe(t)
	defer closeFd(t, r)
	defer closeFd(t, w)
	watched := watch(t, l, r, readable, func(loop.Ready) {})
	if _, err := l.Conn(r, &recorder{}, loop.Limits{Idle: time.Second}); err == nil {
		t.Error("a watched descriptor became a connection")
	}
	watched.Stop()
}

// greedy claims to have used what it was not given.
type greedy int

func (h greedy) Data(*loop.Conn, []byte) int { return int(h) }
func (greedy) Closed(*loop.Conn, error)      {}

// TestConnMisuse: a handler cannot use what is not there.
func TestConnMisuse(t *testing.T) {
	for _, used := range []greedy{-1, 2} {
		l, err := loop.New()
		if err != nil {
			t.Fatal(err)
		}
		_, theirs := conn(t, l, used, loop.Limits{})
		write(t, theirs, "x")
		v, _ := panics(func() { _ = l.Turn(0) }).(string)
		if !strings.HasPrefix(v, "loop: loop_test.greedy used ") {
			t.Errorf("panic: %q", v)
		}
	}
}

// TestConnBuffers: what thousands of connections needed is given back.
func TestConnBuffers(t *testing.T) {
	l := looptest.New(t)
	var conns []*loop.Conn
	var peers []int
	for range 50 {
		h := &recorder{}
		c, theirs := conn(t, l, h, loop.Limits{})
		conns, peers = append(conns, c), append(peers, theirs)
		write(t, theirs, "half a line")
	}
	turn(t, l)
	for _, c := range conns {
		if !c.HoldsBuffer() {
			t.Fatal("the half line is nowhere")
		}
	}
	for _, fd := range peers {
		write(t, fd, ", and the rest\n")
	}
	turn(t, l)
	if n := l.Buffers(); n != len(conns) {
		t.Errorf("%d buffers are free, %d were needed", n, len(conns))
	}
	for _, c := range conns {
		c.Close(nil)
	}
	turn(t, l)
}
