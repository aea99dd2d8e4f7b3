// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// talker writes what it is told to and notes its end.
type talker struct{ note func(string) }

func (h talker) Data(_ *loop.Conn, in []byte) int { h.note("data"); return len(in) }
func (h talker) Closed(*loop.Conn, error)         { h.note("closed") }

// TestOrder makes everything happen in one turn, and finds it in the order
// that the package's comment gives.
func TestOrder(t *testing.T) {
	l := looptest.New(t)
	var got []string
	note := func(s string) { got = append(got, s) }

	child, err := l.Spawn(sh("exit 0", -1, -1, -1), func(loop.Exit) { note("exit") })
	if err != nil {
		t.Fatal(err)
	}
	// Wait for the exit without collecting it.
	if err := waitid(child); err != nil {
		t.Fatal(err)
	}
	l.OnSignal(unix.SIGUSR1, func() { note("signal") })
	ours, theirs := looptest.Pair(t)
	c, err := l.Conn(ours, talker{note}, loop.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	write(t, w, "x")
	watched := watch(t, l, r, readable, func(loop.Ready) {
		note("descriptor")
		if drain(t, r) != "x" {
			t.Error("nothing to read")
		}
		l.Later(func() {
			note("later")
			if s := drain(t, theirs); s != "" {
				t.Errorf("output %q was sent before the turn settled", s)
			}
		})
		c.Write([]byte("bye"))
		c.Close(nil)
	})
	l.After(2*ms, func() { note("timer 2") })
	l.After(ms, func() { note("timer 1a") })
	l.After(ms, func() { note("timer 1b") })
	// The signal comes before the turn, and is passed on by another
	// goroutine: wait for that.
	if err := unix.Kill(unix.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for l.Stats().Pending == 0 {
		await(t, l.WakeFd(), unix.POLLIN)
	}
	l.Post(func() { note("post") })
	l.Skip(2 * ms)
	turn(t, l)

	want := []string{"timer 1a", "timer 1b", "timer 2", "descriptor", "signal", "exit", "post", "later", "closed"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if s := drain(t, theirs); s != "byeEOF" {
		t.Errorf("the peer got %q", s)
	}
	watched.Stop()
	closeFd(t, r)
	closeFd(t, w)
	l.OnSignal(unix.SIGUSR1, nil)
}

// TestNextTurn: what a callback starts is seen no earlier than the next turn,
// and no later either.
func TestNextTurn(t *testing.T) {
	r, w := pipe(t)
	defer closeFd(t, r)
	defer closeFd(t, w)
	write(t, w, "x")
	for name, start := range map[string]func(l *loop.Loop, done func()){
		"timer":          func(l *loop.Loop, done func()) { l.After(0, done) },
		"negative timer": func(l *loop.Loop, done func()) { l.After(-time.Hour, done) },
		"reset timer": func(l *loop.Loop, done func()) {
			l.After(time.Hour, done).Reset(0)
		},
		"watch": func(l *loop.Loop, done func()) {
			var watched *loop.Watch
			watched = watch(t, l, r, readable, func(loop.Ready) { watched.Stop(); done() })
		},
		"later": func(l *loop.Loop, done func()) { l.Later(done) },
		"post":  func(l *loop.Loop, done func()) { l.Post(done) },
	} {
		// From a Later and from a post: everything before them is too late
		// to be seen anyway.
		for from, begin := range map[string]func(l *loop.Loop, f func()){
			"timer": func(l *loop.Loop, f func()) { l.After(0, f) },
			"later": func(l *loop.Loop, f func()) { l.Later(f) },
			"post":  func(l *loop.Loop, f func()) { l.Post(f) },
		} {
			if from == "timer" && (name == "later" || name == "post") {
				continue // they are for the end of the same turn
			}
			if from == "post" && name == "later" {
				continue
			}
			t.Run(name+" from "+from, func(t *testing.T) {
				l := looptest.New(t)
				var begun, ended uint64
				begin(l, func() {
					begun = l.Stats().Turns
					start(l, func() { ended = l.Stats().Turns })
				})
				turn(t, l)
				if begun == 0 || ended != 0 {
					t.Fatalf("begun in turn %d, ended in turn %d", begun, ended)
				}
				if err := l.Turn(-1); err != nil { // it does not wait
					t.Fatal(err)
				}
				if ended != begun+1 {
					t.Errorf("begun in turn %d, ended in turn %d", begun, ended)
				}
			})
		}
	}
}

// TestLaterThisTurn: Later means the end of this very turn.
func TestLaterThisTurn(t *testing.T) {
	l := looptest.New(t)
	var at uint64
	l.After(0, func() { l.Later(func() { at = l.Stats().Turns }) })
	turn(t, l)
	if at != 1 {
		t.Errorf("called in turn %d", at)
	}
}

// TestStopIsAtOnce: what is stopped is silent though this turn's wait has
// found it, whichever of the two comes first.
func TestStopIsAtOnce(t *testing.T) {
	l := looptest.New(t)
	var watches [2]*loop.Watch
	calls := 0
	for i := range watches {
		r, w := pipe(t)
		defer closeFd(t, r)
		defer closeFd(t, w)
		write(t, w, "x")
		watches[i] = watch(t, l, r, readable, func(loop.Ready) {
			calls++
			watches[0].Stop()
			watches[1].Stop()
			watches[1].Stop() // a second time is nothing
		})
	}
	var timers [2]*loop.Timer
	for i := range timers {
		timers[i] = l.After(ms, func() {
			calls += 10
			if stopped := timers[1-i].Stop(); !stopped {
				t.Error("Stop of a timer that is due says that it was not set")
			}
			if stopped := timers[i].Stop(); stopped {
				t.Error("Stop of a timer that fires says that it was set")
			}
		})
	}
	l.Skip(ms)
	turn(t, l)
	turn(t, l)
	if calls != 11 {
		t.Errorf("%d callbacks of the timers, %d of the descriptors, wanted one each", calls/10, calls%10)
	}
}

// TestWantIsAtOnce: what is no longer wanted is not reported.
func TestWantIsAtOnce(t *testing.T) {
	l := looptest.New(t)
	var watches [2]*loop.Watch
	var got []loop.Ready
	for i := range watches {
		a, b := looptest.Pair(t)
		write(t, b, "x")
		watches[i] = watch(t, l, a, readable|writable, func(r loop.Ready) {
			got = append(got, r)
			watches[1-i].Want(writable)
		})
	}
	turn(t, l)
	if want := []loop.Ready{readable | writable, writable}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, w := range watches {
		w.Stop()
	}
}

// TestStaleEvent closes a descriptor in a callback and opens it again, watched
// by somebody else, while the wait's event for the old one is still to be
// delivered. The new owner must not see it.
func TestStaleEvent(t *testing.T) {
	l := looptest.New(t)
	type end struct {
		fd int
		w  *loop.Watch
	}
	var ends [2]end
	var others []int
	var fresh *loop.Watch
	calls := 0
	for i := range ends {
		a, b := looptest.Pair(t)
		others = append(others, b)
		write(t, b, "x")
		ends[i].fd = a
		ends[i].w = watch(t, l, a, readable, func(loop.Ready) {
			calls++
			ends[i].w.Stop()
			victim := ends[1-i]
			victim.w.Stop()
			closeFd(t, victim.fd)
			// The lowest free number is the victim's.
			again, err := unix.FcntlInt(uintptr(others[i]), unix.F_DUPFD_CLOEXEC, victim.fd)
			if err != nil || again != victim.fd {
				t.Fatalf("got descriptor %d, wanted %d: %v", again, victim.fd, err)
			}
			fresh = watch(t, l, again, readable, func(loop.Ready) { t.Error("an event of the descriptor's former life") })
		})
	}
	turn(t, l)
	turn(t, l)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	fresh.Stop()
	for _, e := range ends {
		_ = unix.Close(e.fd)
	}
}

// TestRun runs until Stop, finishes the turn, and can run again.
func TestRun(t *testing.T) {
	l := looptest.New(t)
	var got []string
	for range 2 {
		l.Later(func() {
			l.Stop()
			got = append(got, "stop")
		})
		l.Later(func() { got = append(got, "rest of the turn") })
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
	}
	l.Stop()
	if err := l.Run(); err != nil { // returns at once
		t.Fatal(err)
	}
	if want := []string{"stop", "rest of the turn", "stop", "rest of the turn"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestReentry: a turn inside a turn would break every promise.
func TestReentry(t *testing.T) {
	l := looptest.New(t)
	for name, f := range map[string]func(){
		"Turn":  func() { _ = l.Turn(0) },
		"Close": func() { _ = l.Close() },
	} {
		var v any
		l.Later(func() { v = panics(f) })
		turn(t, l)
		if v == nil {
			t.Errorf("%s in a callback does not panic", name)
		}
	}
}

// TestClose ends connections, forgets everything else, and refuses what comes
// after it.
func TestClose(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := looptest.Pair(t)
	h := &recorder{}
	if _, err := l.Conn(ours, h, loop.Limits{Idle: time.Hour}); err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	defer closeFd(t, r)
	defer closeFd(t, w)
	watched := watch(t, l, r, readable, func(loop.Ready) {})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if h.closed != 1 || !errors.Is(h.err, loop.ErrClosed) {
		t.Errorf("Closed called %d times with %v", h.closed, h.err)
	}
	if s := drain(t, theirs); s != "EOF" {
		t.Errorf("the peer got %q", s)
	}
	watched.Stop() // allowed, and nothing
	l.Post(func() { t.Error("called") })
	if err := l.Turn(0); !errors.Is(err, loop.ErrClosed) {
		t.Errorf("Turn: %v", err)
	}
	if _, err := l.Watch(r, readable, nil); !errors.Is(err, loop.ErrClosed) {
		t.Errorf("Watch: %v", err)
	}
	if _, err := l.Spawn(sh("exit 0"), nil); !errors.Is(err, loop.ErrClosed) {
		t.Errorf("Spawn: %v", err)
	}
	if s := l.Stats(); s.Watches+s.Conns+s.Timers != 0 {
		t.Errorf("left: %+v", s)
	}
}
