// SPDX-License-Identifier: ISC

package loop_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random operations; 0: a new one")

// world is a loop under random operations, and beside it what it should do,
// as slowly and plainly as can be said.
type world struct {
	t    testing.TB
	l    *loop.Loop
	r    *rand.Rand
	wild bool // callbacks operate as well

	ends   []*end
	timers []*alarm
	now    time.Duration
	set    int      // timers set so far
	log    []string // what was called back this turn
}

// end is our end of a socket pair, and the model of its watch.
type end struct {
	ours, theirs int
	w            *loop.Watch // nil: not watched
	want         loop.Ready
	born         uint64 // turn of the registration
}

// alarm is a timer's model.
type alarm struct {
	t    *loop.Timer
	at   time.Duration
	set  int
	born uint64
	live bool
}

func newWorld(t testing.TB, r *rand.Rand, wild bool) *world {
	w := &world{t: t, l: looptest.New(t), r: r, wild: wild}
	for range 12 {
		e := &end{}
		e.ours, e.theirs = socketpair(t)
		w.ends = append(w.ends, e)
	}
	for i := range 30 {
		a := &alarm{}
		a.t = w.l.After(0, func() { w.fired(i) })
		a.t.Stop()
		w.timers = append(w.timers, a)
	}
	return w
}

func socketpair(t testing.TB) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return p[0], p[1]
}

func (w *world) close() {
	for _, e := range w.ends {
		e.w.Stop()
		_ = unix.Close(e.ours)
		_ = unix.Close(e.theirs)
	}
	for _, a := range w.timers {
		a.t.Stop()
	}
}

// operate does one random thing.
func (w *world) operate() {
	e := w.ends[w.r.IntN(len(w.ends))]
	a := w.timers[w.r.IntN(len(w.timers))]
	switch w.r.IntN(12) {
	case 0, 1:
		w.watch(e)
	case 2:
		e.w.Stop()
		e.w = nil
	case 3, 4:
		if e.w != nil {
			e.want = loop.Ready(w.r.IntN(4))
			e.w.Want(e.want)
		}
	case 5:
		_, _ = unix.Write(e.theirs, make([]byte, 1+w.r.IntN(1<<16)))
	case 6:
		_, _ = unix.Read(e.ours, make([]byte, 1+w.r.IntN(1<<18)))
	case 7:
		_, _ = unix.Write(e.ours, make([]byte, 1+w.r.IntN(1<<18)))
	case 8: // close and open again: the numbers go round
		e.w.Stop()
		e.w = nil
		_ = unix.Close(e.ours)
		_ = unix.Close(e.theirs)
		e.ours, e.theirs = socketpair(w.t)
		if w.r.IntN(2) == 0 {
			w.watch(e)
		}
	case 9:
		_ = unix.Shutdown(e.theirs, w.r.IntN(3))
	case 10:
		d := time.Duration(w.r.IntN(50)) * ms
		a.t.Reset(d)
		w.set++
		a.at, a.set, a.born, a.live = w.now+d, w.set, w.l.Stats().Turns, true
	case 11:
		if a.t.Stop() != a.live {
			w.t.Fatalf("Stop says %v, the model %v", !a.live, a.live)
		}
		a.live = false
	}
}

func (w *world) watch(e *end) {
	want := loop.Ready(w.r.IntN(4))
	got, err := w.l.Watch(e.ours, want, func(r loop.Ready) { w.ready(e, r) })
	if (err == nil) != (e.w == nil) {
		w.t.Fatalf("Watch of a descriptor that is watched already (%v): %v", e.w != nil, err)
	}
	if err == nil {
		e.w, e.want, e.born = got, want, w.l.Stats().Turns
	}
}

// ready checks what must hold of every event, whatever came before it.
func (w *world) ready(e *end, r loop.Ready) {
	switch {
	case e.w == nil:
		w.t.Fatalf("an event after Stop: %v", r)
	case e.born == w.l.Stats().Turns:
		w.t.Fatalf("an event of an earlier life: %v", r)
	case r == 0 || r&^e.want != 0:
		w.t.Fatalf("event %v, watched for %v", r, e.want)
	}
	w.log = append(w.log, fmt.Sprint("watch ", e.ours, " ", r))
	w.stir()
}

func (w *world) fired(i int) {
	a := w.timers[i]
	if !a.live || a.at > w.now || a.born == w.l.Stats().Turns {
		w.t.Fatalf("timer fired: live %v, at %v, now %v", a.live, a.at, w.now)
	}
	a.live = false
	w.log = append(w.log, fmt.Sprint("timer ", i))
	w.stir()
}

// stir operates from inside a callback.
func (w *world) stir() {
	for range w.r.IntN(3) {
		if w.wild {
			w.operate()
		}
	}
}

// turn takes a turn, and compares it with what the model says.
func (w *world) turn() {
	d := time.Duration(w.r.IntN(20)) * ms
	w.l.Skip(d)
	w.now += d
	timers, watches := w.expected()
	w.log = w.log[:0]
	if err := w.l.Turn(0); err != nil {
		w.t.Fatal(err)
	}
	if w.wild {
		return
	}
	at := slices.IndexFunc(w.log, func(s string) bool { return s[0] == 'w' })
	if at < 0 {
		at = len(w.log)
	}
	got := w.log[at:]
	slices.Sort(got) // the kernel's order is its own
	if !slices.Equal(w.log[:at], timers) || !slices.Equal(got, watches) {
		w.t.Fatalf("got  %q\nwant %q %q", w.log, timers, watches)
	}
}

// expected is what the next turn calls back if no callback interferes: the
// timers in their order, and what poll says of each descriptor.
func (w *world) expected() (timers, watches []string) {
	var due []int
	for i, a := range w.timers {
		if a.live && a.at <= w.now {
			due = append(due, i)
		}
	}
	slices.SortFunc(due, func(i, j int) int {
		a, b := w.timers[i], w.timers[j]
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.set - b.set
	})
	for _, i := range due {
		timers = append(timers, fmt.Sprint("timer ", i))
	}
	for _, e := range w.ends {
		if e.w == nil || e.want == 0 {
			continue
		}
		fds := []unix.PollFd{{Fd: int32(e.ours), Events: unix.POLLIN | unix.POLLOUT}}
		for {
			_, err := unix.Poll(fds, 0)
			if err == nil {
				break
			}
			if err != unix.EINTR {
				w.t.Fatal(err)
			}
		}
		var r loop.Ready
		if fds[0].Revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
			r |= readable
		}
		if fds[0].Revents&(unix.POLLOUT|unix.POLLHUP|unix.POLLERR) != 0 {
			r |= writable
		}
		if r &= e.want; r != 0 {
			watches = append(watches, fmt.Sprint("watch ", e.ours, " ", r))
		}
	}
	slices.Sort(watches)
	return timers, watches
}

// TestModel compares the loop with the model over hundreds of thousands of
// random operations; with callbacks that operate too, it checks the rules.
func TestModel(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	n := 100_000
	if testing.Short() {
		n /= 10
	}
	for name, wild := range map[string]bool{"tame": false, "wild": true} {
		t.Run(name, func(t *testing.T) {
			t.Logf("repeat with -seed %d", seed)
			w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), wild)
			defer w.close()
			for range n {
				w.operate()
				if w.r.IntN(6) == 0 {
					w.turn()
				}
			}
		})
	}
}

// FuzzModel is TestModel with the fuzzer's choice of operations.
func FuzzModel(f *testing.F) {
	f.Add([]byte("a few operations, and then some more of them, as it happens"), true)
	f.Add([]byte{0, 8, 3, 1, 0, 0, 0, 0, 5, 5, 5, 5, 8, 8, 8, 2, 2, 0xff, 0xfe, 9, 10, 11}, false)
	f.Fuzz(func(t *testing.T, choices []byte, wild bool) {
		s := &script{rest: choices}
		w := newWorld(t, rand.New(s), wild)
		defer w.close()
		for n := 0; len(s.rest) > 0 && n < 2000; n++ {
			w.operate()
			if w.r.IntN(4) == 0 {
				w.turn()
			}
		}
	})
}

// script is a source of numbers that are the fuzzer's, mixed so that IntN,
// which looks at the high bits and may ask again, makes use of each.
type script struct {
	rest []byte
	n    uint64
}

func (s *script) Uint64() uint64 {
	var b [8]byte
	n := copy(b[6:], s.rest)
	s.rest = s.rest[n:]
	s.n++
	return binary.LittleEndian.Uint64(b[:]) ^ s.n*0x9e3779b97f4a7c15>>16
}
