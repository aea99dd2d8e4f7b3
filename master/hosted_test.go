// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// lasting is a keeper that hands its clients on, and remembers what it was told.
type lasting struct {
	keeper
	told []Hosted
}

func (l *lasting) Replaced(by Hosted) {
	l.told = append(l.told, by)
	if next, ok := by.(*lasting); ok {
		next.clients, next.done = append(next.clients, l.clients...), append(next.done, l.done...)
		l.clients, l.done = nil, nil
	}
}

// last makes "keep" a command whose clients last, and are connections.
func (w *world) last() *[]*lasting {
	w.main += "builtin_services = keep\n"
	made := &[]*lasting{}
	w.m.opt.Hosted = map[string]HostFunc{"keep": func(h *Host) (Hosted, error) {
		h.Connections = true
		for _, a := range h.Service.Args {
			if strings.HasPrefix(a, "odd") {
				h.Warnf("this is %s", a)
			}
			if a == "bad" {
				return nil, errors.New("this is bad")
			}
		}
		l := &lasting{keeper: keeper{h: h}}
		*made = append(*made, l)
		return l, nil
	}}
	return made
}

// TestLasting: who has clients that stay is told when a reload has succeeded
// that gives those to come to another.
func TestLasting(t *testing.T) {
	w := newWorld(t)
	made := w.last()
	w.start("k unix n - 1 keep", "echo unix n - 1 echod")
	s := w.service("public/k", cfg.Unix)
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	if err := w.reload("k unix n - 1 keep", "echo unix n - 1 nosuch"); err == nil {
		t.Fatal("a missing program was accepted")
	}
	refused := (*made)[1]
	if len((*made)[0].told) != 0 || len(refused.told) != 0 {
		t.Error("somebody was told of a reload that was refused")
	}
	w.must(w.reload("k unix n - 1 keep"))
	first, second := (*made)[0], (*made)[2]
	if len(first.told) != 1 || first.told[0] != Hosted(second) || len(second.clients) != 1 {
		t.Errorf("the first was told %v; the second has %d clients", first.told, len(second.clients))
	}
	w.dial("public/k")
	w.until(func() bool { return len(second.clients) == 2 })
	second.release() // the first's, and that is whom it is counted with
	w.until(func() bool { return s.total == 1 && len(s.host.past) == 0 })

	// To a process.
	w.main = strings.ReplaceAll(w.main, "= keep", "= ")
	w.must(w.reload("k unix n - 1 echod"))
	if len(second.told) != 1 || second.told[0] != nil {
		t.Errorf("the second was told %v", second.told)
	}
	second.release()
	w.until(func() bool { return s.total == 0 && w.m.seats == 0 })
	w.dial("public/k").pid()
}

// TestLastingRemoved: so is one that is no more, and the service is there until
// its clients have gone.
func TestLastingRemoved(t *testing.T) {
	w := newWorld(t)
	made := w.last()
	w.start("k unix n - 1 keep", "echo unix n - 1 echod")
	s := w.service("public/k", cfg.Unix)
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	w.must(w.reload("echo unix n - 1 echod"))
	k := (*made)[0]
	if len(k.told) != 1 || k.told[0] != nil || k.ended {
		t.Errorf("it was told %v; it was made to end: %v", k.told, k.ended)
	}
	if _, left := w.m.leaving[s]; !left {
		t.Error("the service is forgotten, and has a client")
	}
	k.release()
	w.until(func() bool { return len(w.m.leaving) == 0 })
}

// TestHostedWarnings are for the log once the entry is in force.
func TestHostedWarnings(t *testing.T) {
	w := newWorld(t)
	w.last()
	w.start("k unix n - 1 keep")
	if err := w.reload("k unix n - 1 keep odd1 bad"); err == nil || w.lines("odd1") > 0 {
		t.Errorf("error %v; the log has %d lines", err, w.lines("odd1"))
	}
	w.must(w.reload("k unix n - 1 keep odd2"))
	if w.lines(`warning: master.cf, line 1: service "k": this is odd2`) != 1 {
		t.Error("no line about what is odd")
	}
}

// TestExposedTakesARootlessMaster, and the error is where the name is.
func TestExposedTakesARootlessMaster(t *testing.T) {
	w := newWorld(t)
	w.last()
	w.m.opt.Exposed = []string{"keep"}
	w.start("k unix n - 1 keep")
	w.must(w.reload("k unix n - 1 keep"))

	conf := w.config("k unix n - 1 keep")
	conf.Params.Rootless = false
	tr := &transaction{m: w.m, conf: conf, params: conf.Params}
	var errs cfg.Errors
	tr.checkExposed(&errs)
	const want = "main.cf, line 5: parameter builtin_services: keep reads what clients send, " +
		"which a master with root's rights must not; remove it, or set rootless = yes"
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("errors %v", errs)
	}
	w.m.opt.Exposed = []string{"another"}
	errs = nil
	if tr.checkExposed(&errs); len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
}

// TestConnectionsHaveNoProcessLimit, but leave descriptors for all else.
func TestConnectionsHaveNoProcessLimit(t *testing.T) {
	w := newWorld(t)
	made := w.last()
	w.start("k unix n - 1 keep", "l unix n - 1 keep", "echo unix n - 1 echod")
	w.m.waitersBelow = 4
	k, l := w.service("public/k", cfg.Unix), w.service("public/l", cfg.Unix)
	for range 3 {
		w.dial("public/k")
	}
	w.until(func() bool { return k.total == 3 })
	w.dial("public/l")
	w.until(func() bool { return l.total == 1 })
	w.turns()
	if k.listening || l.listening {
		t.Error("more are accepted")
	}
	w.dial("public/k")
	w.dial("public/l")
	w.turns()
	if k.total+l.total != 4 || w.lines(`service "l" (public/l) has 1 clients, and the descriptors for clients are used up`) != 1 {
		t.Errorf("%d and %d clients", k.total, l.total)
	}
	w.dial("public/echo").pid() // which takes some
	(*made)[0].release()
	w.until(func() bool { return k.total+l.total == 4 })
	(*made)[0].release()
	w.until(func() bool { return k.total == 2 && l.total == 2 })
	for _, m := range *made {
		for len(m.clients) > 0 {
			m.release()
		}
	}
	w.turns()
	if w.m.seats != 0 || !k.listening || !l.listening {
		t.Errorf("%d seats are taken", w.m.seats)
	}
}

// TestConnectionsBehindAGate: who may come is looked at as for commands, and
// who finds no room waits or is sent away.
func TestConnectionsBehindAGate(t *testing.T) {
	w := newWorld(t)
	made := w.last()
	w.start(kept(1, "hosted_queue_limit = 0", "hosted_client_limit = 3"))
	s := w.service("public/k", cfg.Unix)
	for range 3 {
		w.dial("public/k")
	}
	w.until(func() bool { return s.total == 3 })
	if got := w.dial("public/k").refused(); got != "" || w.lines("more than 3 connections at once from") != 1 {
		t.Errorf("the fourth got %q", got)
	}
	w.m.waitersBelow = 3
	w.must(w.reload(kept(1, "hosted_queue_limit = 0", "hosted_client_limit = 5")))
	if got := w.dial("public/k").refused(); got != "" || w.lines("refused client uid:") != 2 || w.lines("the descriptors for clients are used up") != 2 {
		t.Errorf("who found no room got %q", got)
	}
	w.must(w.reload(kept(1, "hosted_queue_limit = 2")))
	w.m.waitersBelow = 1 << 10
	w.m.seats += 1 << 10 // somebody else's
	w.dial("public/k")
	w.until(func() bool { return s.host.gate.waits() })
	w.m.seat(-1 << 10)
	w.until(func() bool { return !s.host.gate.waits() && s.total == 4 })
	for k := (*made)[len(*made)-1]; len(k.clients) > 0; {
		k.release()
	}
}

// TestNoConnectionForAClient: it waits, and the log does not speak of processes.
func TestNoConnectionForAClient(t *testing.T) {
	w := newWorld(t)
	made := w.last()
	w.start("k unix n - 1 keep")
	s := w.service("public/k", cfg.Unix)
	k := (*made)[0]
	k.fails = unix.ENOMEM
	w.dial("public/k")
	w.until(func() bool { return s.host.gate.waits() })
	if w.lines(`service "k" (public/k): accept: Cannot allocate memory -- clients wait, next try in 1s`) != 1 || s.total != 0 {
		t.Error("what the log says")
	}
	k.fails = nil
	looptest.Advance(w.l, shortageFirst)
	w.until(func() bool { return s.total == 1 })
	looptest.Advance(w.l, 2*shortageFirst)
	if w.lines("accept: connections can be made again") != 1 || w.m.seats != 1 {
		t.Errorf("what the log says at the end; %d seats", w.m.seats)
	}
	k.release()
}
