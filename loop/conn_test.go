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
