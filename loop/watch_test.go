// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestReadiness: what is reported of a stream socket in each of its states.
func TestReadiness(t *testing.T) {
	both := readable | writable
	for name, test := range map[string]struct {
		make func(ours, theirs int)
		want loop.Ready // watched for
		got  loop.Ready
	}{
		"nothing":            {func(int, int) {}, readable, 0},
		"room":               {func(int, int) {}, writable, writable},
		"room, both asked":   {func(int, int) {}, both, writable},
		"data":               {func(_, b int) { write(t, b, "x") }, readable, readable},
		"data, both asked":   {func(_, b int) { write(t, b, "x") }, both, both},
		"data, not asked":    {func(_, b int) { write(t, b, "x") }, writable, writable},
		"full":               {func(a, _ int) { fill(t, a) }, both, 0},
		"end of input":       {func(_, b int) { shutdown(t, b) }, readable, readable},
		"hang-up":            {func(_, b int) { closeFd(t, b) }, readable, readable},
		"hang-up, both":      {func(_, b int) { closeFd(t, b) }, both, both},
		"hang-up, full":      {func(a, b int) { fill(t, a); closeFd(t, b) }, writable, writable},
		"hang-up, not asked": {func(_, b int) { closeFd(t, b) }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			ours, theirs := looptest.Pair(t)
			test.make(ours, theirs)
			var got loop.Ready
			calls := 0
			w := watch(t, l, ours, test.want, func(r loop.Ready) { got = r; calls++ })
			for range 3 { // level-triggered: said again
				turn(t, l)
			}
			if got != test.got {
				t.Errorf("got %v, want %v", got, test.got)
			}
			if want := min(3, 3*int(test.got)); calls != want {
				t.Errorf("%d calls in 3 turns, wanted %d", calls, want)
			}
			w.Stop()
		})
	}
}

func fill(t testing.TB, fd int) {
	t.Helper()
	for {
		if _, err := unix.Write(fd, make([]byte, 64<<10)); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokenPipe: an error on the writing side is something to write into.
func TestBrokenPipe(t *testing.T) {
	l := looptest.New(t)
	r, w := pipe(t)
	fill(t, w)
	var got loop.Ready
	watched := watch(t, l, w, writable, func(r loop.Ready) { got = r })
	turn(t, l)
	if got != 0 {
		t.Errorf("a full pipe is %v", got)
	}
	closeFd(t, r)
	turn(t, l)
	if got != writable {
		t.Errorf("a broken pipe is %v", got)
	}
	watched.Stop()
	closeFd(t, w)
}

// TestWant: what is watched for can change, to nothing and back too.
func TestWant(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	write(t, theirs, "x")
	var got []loop.Ready
	w := watch(t, l, ours, 0, func(r loop.Ready) { got = append(got, r) })
	for _, want := range []loop.Ready{0, readable, 0, writable, readable | writable, readable, 0, readable | writable, 0} {
		got = nil
		w.Want(want)
		turn(t, l)
		var wanted []loop.Ready
		if want != 0 {
			wanted = append(wanted, want)
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("watched for %v: got %v", want, got)
		}
	}
	w.Stop()
	w.Want(readable) // allowed, and nothing
	turn(t, l)
}

// TestWantMerged: what is changed and changed back is no change to the
// kernel, and what is changed often is one.
func TestWantMerged(t *testing.T) {
	l := looptest.New(t)
	ours, _ := looptest.Pair(t)
	w := watch(t, l, ours, readable, func(loop.Ready) {})
	for _, step := range []struct {
		wants []loop.Ready
		calls int
	}{
		{[]loop.Ready{readable}, 0},
		{[]loop.Ready{writable, readable}, 0},
		{[]loop.Ready{0, writable, readable | writable, 0, readable}, 0},
		{[]loop.Ready{0, writable, readable | writable}, 1},
		{[]loop.Ready{0}, 1},
		{[]loop.Ready{writable, 0}, 0},
	} {
		for _, want := range step.wants {
			w.Want(want)
		}
		if got := l.Unapplied(); got != step.calls {
			t.Errorf("%v: %d system calls, wanted %d", step.wants, got, step.calls)
		}
		turn(t, l)
		if got := l.Unapplied(); got != 0 {
			t.Errorf("%v: %d system calls left after the turn", step.wants, got)
		}
	}
	w.Stop()
}

// TestStopThenClose: while a child has a copy of a descriptor, as it has
// between its birth and its exec, closing ours does not close the file. Stop
// must have made the kernel forget it, or whoever gets the number next would
// have its events.
func TestStopThenClose(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	w := watch(t, l, ours, readable, func(loop.Ready) { t.Error("an event after Stop") })
	copied, err := unix.FcntlInt(uintptr(ours), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	closeFd(t, ours)
	r, other := pipe(t)
	if r != ours {
		dup2(t, r, ours)
		closeFd(t, r)
	}
	fresh := watch(t, l, ours, readable, func(loop.Ready) { t.Error("another file's event") })
	write(t, theirs, "x") // the copy is readable
	turn(t, l)
	if n := l.Stats().Events; n != 0 {
		t.Errorf("%d events", n)
	}
	fresh.Stop()
	for _, fd := range []int{copied, ours, other} {
		closeFd(t, fd)
	}
}

// TestWantStopped: a change that the kernel has not been told dies with the
// watch, and does not touch the next one of the same number.
func TestWantStopped(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	first := watch(t, l, ours, 0, func(loop.Ready) { t.Error("stopped, and called") })
	first.Want(writable)
	first.Stop()
	calls := 0
	second := watch(t, l, ours, readable, func(loop.Ready) { calls++ })
	first.Want(readable)
	turn(t, l)
	write(t, theirs, "x")
	turn(t, l)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	second.Stop()
}

// TestAlwaysReady: files that cannot be waited for are ready when asked for.
func TestAlwaysReady(t *testing.T) {
	l := looptest.New(t)
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	for _, fd := range []int{int(f.Fd()), int(null.Fd())} {
		var got loop.Ready
		w := watch(t, l, fd, readable, func(r loop.Ready) { got = r })
		for _, want := range []loop.Ready{readable, writable, readable | writable, 0, readable} {
			w.Want(want)
			got = 0
			if want != 0 {
				err = l.Turn(-1) // it does not wait
			} else {
				err = l.Turn(0)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%d: got %v, want %v", fd, got, want)
			}
		}
		w.Stop()
		got = 0
		turn(t, l)
		if got != 0 {
			t.Errorf("%d: reported after Stop", fd)
		}
	}
}

// TestWatchRefused: what cannot be watched is said at once.
func TestWatchRefused(t *testing.T) {
	l := looptest.New(t)
	f := func(loop.Ready) {}
	ours, theirs := looptest.Pair(t)
	w := watch(t, l, ours, readable, f)
	if _, err := l.Watch(ours, writable, f); err == nil {
		t.Error("a descriptor was watched twice")
	}
	w.Stop()
	closeFd(t, theirs)
	for _, fd := range []int{-1, theirs, 1 << 19} {
		for _, want := range []loop.Ready{0, readable} {
			if _, err := l.Watch(fd, want, f); !errors.Is(err, unix.EBADF) {
				t.Errorf("descriptor %d: %v", fd, err)
			}
		}
	}
}

// TestWatchZero: descriptor 0 is one like any other.
func TestWatchZero(t *testing.T) {
	l := looptest.New(t)
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Skipf("no descriptor 0: %v", err)
	}
	r, w := pipe(t)
	dup2(t, r, 0)
	write(t, w, "x")
	calls := 0
	watched := watch(t, l, 0, readable, func(loop.Ready) { calls++ })
	turn(t, l)
	watched.Stop()
	dup2(t, saved, 0)
	for _, fd := range []int{saved, r, w} {
		closeFd(t, fd)
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// TestManyDescriptors: more events than one wait fetches are all delivered,
// each descriptor in its turn.
func TestManyDescriptors(t *testing.T) {
	const n = 600
	l := looptest.New(t)
	calls := make([]int, n)
	var watches []*loop.Watch
	for i := range n {
		a, b := looptest.Pair(t)
		watches = append(watches, watch(t, l, a, readable, func(loop.Ready) { calls[i]++ }))
		write(t, b, "x")
	}
	for range 9 { // three rounds of three waits
		turn(t, l)
	}
	for i, c := range calls {
		if c < 3 {
			t.Errorf("descriptor %d of %d was delivered %d times", i, n, c)
		}
	}
	for _, w := range watches {
		w.Stop()
	}
}

func dup2(t testing.TB, from, to int) {
	t.Helper()
	if err := unix.Dup2(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestUnwantedIsStale: who has asked for nothing gets nothing of this turn any
// more, though he asks again in it. By then another process may have taken what
// the wait has found.
func TestUnwantedIsStale(t *testing.T) {
	l := looptest.New(t)
	var watched [2]*loop.Watch
	var calls [2]int
	for i := range watched {
		ours, theirs := looptest.Pair(t)
		write(t, theirs, "x")
		watched[i] = watch(t, l, ours, readable, func(loop.Ready) {
			calls[i]++
			if other := 1 - i; calls[0]+calls[1] == 1 {
				watched[other].Want(0)
				watched[other].Want(readable)
			}
		})
	}
	turn(t, l)
	if calls[0]+calls[1] != 1 {
		t.Errorf("%d and %d calls in the first turn", calls[0], calls[1])
	}
	turn(t, l) // it is as ready as before
	if calls[0]+calls[1] != 3 {
		t.Errorf("%d and %d calls in two turns", calls[0], calls[1])
	}
	for _, w := range watched {
		w.Stop()
	}
}
