// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

const noProcess = `warning: service "k" (public/k): fork: Resource temporarily unavailable -- clients wait, next try in 1s`

const processes = `service "k" (public/k): fork: processes can be made again`

// TestNoProcess: a client for whom no process can be made waits, those behind
// it are not accepted, and both are served when one can be made.
func TestNoProcess(t *testing.T) {
	w := newWorld(t)
	w.main = "service_throttle_time = 4s\n"
	made, s := w.keep(5)
	k := (*made)[0]
	k.fails = unix.EAGAIN
	first, second := w.dial("public/k"), w.dial("public/k")
	for i, c := range []*client{first, second} {
		_, err := fmt.Fprint(fdWriter(c.fd), i)
		w.must(err)
	}
	w.until(func() bool { return s.host.gate.holds() })
	for _, wait := range []time.Duration{1, 2, 4, 4, 4} { // seconds
		w.turns()
		if s.listening || s.total != 0 || s.host.gate.waiting.n != 1 {
			t.Fatalf("listening %v, %d served, %d wait", s.listening, s.total, s.host.gate.waiting.n)
		}
		if left := s.host.gate.shortage.timer.Left(); left != wait*time.Second {
			t.Fatalf("next try in %s, want %ds", left, wait)
		}
		looptest.Advance(w.l, wait*time.Second)
	}
	k.fails = nil
	looptest.Advance(w.l, 4*time.Second)
	w.until(func() bool { return len(k.clients) == 2 })
	for i, fd := range k.clients {
		var buf [8]byte
		if n, err := unix.Read(fd, buf[:]); err != nil || string(buf[:n]) != fmt.Sprint(i) {
			t.Errorf("client %d: %q, %v", i, buf[:n], err)
		}
	}
	if w.lines(processes) > 0 {
		t.Error("it is over before it has been well for a while")
	}
	looptest.Advance(w.l, 4*time.Second)
	if w.lines(noProcess) != 1 || w.lines(processes) != 1 || w.lines("throttl") != 0 {
		t.Error("what the log says")
	}
	if s.host.gate != nil {
		t.Error("the gate is left")
	}
	w.silent("when it is over")
}

// TestNoProcessNowAndThen: where processes can be made as fast as others end,
// and no faster, the log has one line.
func TestNoProcessNowAndThen(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(100)
	k := (*made)[0]
	for i := range 20 {
		k.fails = unix.EAGAIN
		w.dial("public/k")
		w.until(func() bool { return s.host.gate.holds() })
		k.fails = nil
		looptest.Advance(w.l, time.Second)
		w.until(func() bool { return s.total == i+1 })
	}
	if n := w.lines("fork:"); n != 1 {
		t.Errorf("%d lines", n)
	}
	looptest.Advance(w.l, time.Second)
	if w.lines(processes) != 1 {
		t.Error("the end is not in the log")
	}
}

func TestNoProcessAndReload(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(5)
	(*made)[0].fails = unix.ENOMEM
	w.dial("public/k")
	w.until(func() bool { return s.host.gate.holds() })
	looptest.Advance(w.l, time.Second)
	w.must(w.reload(kept(5))) // which makes another keeper
	if len((*made)[1].clients) != 1 {
		t.Error("a reload does not try at once")
	}
	w.dial("public/k")
	w.until(func() bool { return s.total == 2 })
	if w.lines("fork: Cannot allocate memory -- clients wait") != 1 {
		t.Error("no line in the log")
	}
	looptest.Advance(w.l, time.Second)
	if w.lines(processes) != 1 || s.host.gate != nil {
		t.Error("it is not over")
	}
}

func TestNoProcessAndTheEnd(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"shutdown": func(w *world) { w.m.Shutdown(func() {}) },
		"removed":  func(w *world) { w.must(w.reload("echo unix n - 1 echod")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			made, s := w.keep(5)
			(*made)[0].fails = unix.EAGAIN
			c := w.dial("public/k")
			w.until(func() bool { return s.host.gate.holds() })
			end(w)
			c.refused()
		})
	}
}

// TestNoProcessAndNobodyLeft: the client that waits for a process gives up.
func TestNoProcessAndNobodyLeft(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(5)
	(*made)[0].fails = unix.EAGAIN
	c := w.dial("public/k")
	w.until(func() bool { return s.host.gate.holds() })
	w.must(unix.Shutdown(c.fd, unix.SHUT_RDWR))
	w.until(func() bool { return !s.host.gate.waits() })
	w.dial("public/k")
	w.turns()
	if s.host.gate.waits() {
		t.Error("somebody is accepted although nothing can be made for him")
	}
	looptest.Advance(w.l, time.Second)
	w.until(func() bool { return s.host.gate.holds() })
	if left := s.host.gate.shortage.timer.Left(); left != 2*time.Second {
		t.Errorf("next try in %s", left)
	}
	(*made)[0].fails = nil
	looptest.Advance(w.l, 2*time.Second)
	if s.total != 1 {
		t.Error("not served")
	}
}

// TestNoProcessForAQueue: it is the first in the queue who waits for a
// process, and who comes meanwhile is not accepted.
func TestNoProcessForAQueue(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(1, "hosted_queue_limit = 5", "hosted_queue_time = 10s")
	k := (*made)[0]
	w.dial("public/k")
	first, second := w.dial("public/k"), w.dial("public/k")
	w.until(func() bool { return s.total == 1 && s.host.gate.waiting.n == 2 })
	looptest.Advance(w.l, 5*time.Second)
	k.fails = unix.EAGAIN
	k.release()
	third := w.dial("public/k")
	w.turns()
	if n := s.host.gate.waiting.n; n != 2 || s.total != 0 || s.listening {
		t.Fatalf("%d wait, %d are served, listening %v", n, s.total, s.listening)
	}
	looptest.Advance(w.l, 5*time.Second) // the time of the first two is over
	first.refused()
	second.refused()
	k.fails = nil
	looptest.Advance(w.l, 2*time.Second)
	w.until(func() bool { return s.total == 1 })
	if !third.open() {
		t.Error("the third is gone")
	}
}

// TestGateModel does what comes to mind, in any order, and looks whether
// everything still adds up.
func TestGateModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { gateModel(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func gateModel(t *testing.T, rnd *rand.Rand) {
	w := newWorld(t)
	made, s := w.keep(3)
	var open []*client
	fails := error(nil)
	options := func() (list []string) {
		for _, o := range []string{
			"hosted_client_limit = 4", "hosted_client_rate = 9/10s", "hosted_queue_limit = 3", "hosted_queue_time = 7s",
			"hosted_client_deny = 10.0.0.1", "hosted_refuse = text no", "hosted_queue_limit =", "hosted_client_limit = 2",
		} {
			if rnd.IntN(3) == 0 {
				list = append(list, o)
			}
		}
		return list
	}
	for step := range 400 {
		switch rnd.IntN(10) {
		case 0, 1, 2:
			if len(open) < 30 { // the backlog is larger
				open = append(open, w.dial("public/k"))
			}
		case 3, 4:
			if len(open) > 0 {
				i := rnd.IntN(len(open))
				if rnd.IntN(2) == 0 {
					_, _ = unix.Write(open[i].fd, []byte("x"))
				}
				_ = unix.Shutdown(open[i].fd, unix.SHUT_RDWR)
				open = append(open[:i], open[i+1:]...)
			}
		case 5, 6, 7:
			if k := (*made)[rnd.IntN(len(*made))]; len(k.clients) > 0 {
				k.release()
			}
		case 8:
			if fails = nil; rnd.IntN(2) == 0 {
				fails = unix.EAGAIN
			}
			for _, k := range *made {
				k.fails = fails
			}
		case 9:
			if rnd.IntN(2) == 0 {
				looptest.Advance(w.l, time.Duration(rnd.IntN(9))*time.Second)
				break
			}
			w.must(w.reload(kept(1+rnd.IntN(5), options()...)))
			for _, k := range *made {
				k.fails = fails
			}
		}
		w.turns()
		w.addsUp(step, s, *made)
	}
	for _, k := range *made {
		k.fails = nil
	}
	for s.total > 0 || s.host.gate.waits() {
		looptest.Advance(w.l, time.Minute)
		for _, k := range *made {
			for len(k.clients) > 0 {
				k.release()
			}
		}
	}
	w.must(w.reload(kept(9)))
	w.dial("public/k") // a want of processes is over when one has been made
	looptest.Advance(w.l, 2*time.Minute)
	for _, k := range *made {
		for len(k.clients) > 0 {
			k.release()
		}
	}
	looptest.Advance(w.l, 2*time.Minute)
	if s.host.gate != nil {
		t.Errorf("a gate is left: %+v", s.host.gate)
	}
	w.silent("at the end")
}

// addsUp checks what must be true between any two turns.
func (w *world) addsUp(step int, s *service, made []*keeper) {
	w.t.Helper()
	served := 0
	for _, k := range made {
		served += len(k.clients)
	}
	if s.total != served {
		w.t.Fatalf("step %d: %d are counted, %d are served", step, s.total, served)
	}
	if s.listening != s.wantListen() {
		w.t.Fatalf("step %d: listening %v", step, s.listening)
	}
	g := s.host.gate
	if g == nil {
		return
	}
	counts := map[source]int{}
	for _, l := range []*guests{&g.served, &g.waiting} {
		n := 0
		for c := l.first; c != nil; c = c.next {
			if n++; g.policy != nil && g.policy.ClientLimit > 0 {
				counts[g.policy.source(c.from)]++
			}
			if c.next == nil && l.last != c || c.next != nil && c.next.prev != c {
				w.t.Fatalf("step %d: a torn list", step)
			}
		}
		if n != l.n {
			w.t.Fatalf("step %d: %d in a list of %d", step, n, l.n)
		}
	}
	if g.served.n > served {
		w.t.Fatalf("step %d: %d are known, %d are served", step, g.served.n, served)
	}
	if fmt.Sprint(counts) != fmt.Sprint(g.counts) {
		w.t.Fatalf("step %d: by source: %v, want %v", step, g.counts, counts)
	}
	if g.waits() && s.mayServe() {
		w.t.Fatalf("step %d: %d wait although there is a place", step, g.waiting.n)
	}
	if (g.queue != nil) != (g.waits() && g.queues()) {
		w.t.Fatalf("step %d: %d wait, their timer is set: %v", step, g.waiting.n, g.queue != nil)
	}
}

// TestNoDescriptors: without one for the client it stays where it is.
func TestNoDescriptors(t *testing.T) {
	w := newWorld(t)
	made, s := w.keep(20, "hosted_queue_limit = 5")
	k := (*made)[0]
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	c := w.dial("public/k") // not accepted yet
	var was unix.Rlimit
	w.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	var fill []int
	low := was
	low.Cur = 256
	w.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	defer func() { w.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &was)) }()
	for {
		fd, err := unix.Dup(0)
		if err != nil {
			break
		}
		fill = append(fill, fd)
	}
	w.turns()
	served := len(k.clients)
	closeAll(fill) // the log cannot be read either
	if served != 1 || w.lines(`service "k" (public/k): accept: Too many open files -- clients wait`) != 1 {
		t.Errorf("%d clients, or no line about the trouble", served)
	}
	looptest.Advance(w.l, time.Second)
	w.until(func() bool { return len(k.clients) == 2 })
	if w.lines(`service "k" (public/k): accepting clients again`) != 1 || !c.open() {
		t.Error("it does not end")
	}
}
