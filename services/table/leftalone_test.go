// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// alone counts the lines of the log which say that a server is left alone.
func (w *netWorld) alone() int {
	return strings.Count(strings.Join(w.log, "\n"), "5 requests in a row without an answer -- not asking it for 1s")
}

// refused asks for so many keys, and wants all of them refused at once.
func (w *netWorld) refused(tab Table, n int) {
	w.t.Helper()
	var list []*reply
	for i := range n {
		list = append(list, w.get(tab, fmt.Sprint("refused", i)))
	}
	for range 2 {
		w.must(w.Loop.Turn(0))
	}
	for i, r := range list {
		if !r.here || r.Answer != tryAgain || r.times > 1 {
			w.t.Errorf("%d: %+v", i, *r)
		}
	}
}

// heard counts the requests that have a text in them.
func (f *fakeServer) heard(text string) (n int) {
	for _, request := range f.requests() {
		if strings.Contains(request, text) {
			n++
		}
	}
	return n
}

// held returns what a server waits for, and what lets it go on, which is done at
// the end of the test at the latest.
func held(t *testing.T) (release chan struct{}, let func()) {
	release = make(chan struct{})
	let = sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	return release, let
}

// TestServerDown: a server that cannot be reached is tried a few times, and then
// left alone, by a line in the log, until it is there again, by another.
func TestServerDown(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		s.stop()
		down := func() {
			t.Helper()
			for i := 0; w.alone() == 0; i++ {
				if i == 20 {
					t.Fatalf("still asked:\n%s", w.logged())
				}
				r := w.get(tab, fmt.Sprint("k", i))
				w.outlast(tab, r)
				w.expect(r.Answer, tryAgain)
				looptest.Advance(w.Loop, shortPause)
			}
			if n, most := len(w.log), 1+2*5*p.tries; n > most {
				t.Errorf("%d lines in the log, want %d at the most:\n%s", n, most, strings.Join(w.log, "\n"))
			}
			w.logged()
		}
		down()
		// It is back, and the pause is not over.
		s.start()
		accepted := s.accepts()
		looptest.Advance(w.Loop, time.Second-shortPause-time.Millisecond)
		w.refused(tab, 100)
		if s.accepts() != accepted {
			t.Error("it was asked")
		}
		looptest.Advance(w.Loop, time.Millisecond)
		w.expect(w.ask(tab, "k"), value("k"))
		if got, want := w.logged(), "info: table "+tab.(interface{ servers() *server }).servers().ref+": is answered again"; got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
		w.expect(w.ask(tab, "k2"), value("k2"))
		// It stays away: each time for longer, and in silence.
		s.stop()
		down()
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			looptest.Advance(w.Loop, pause-shortPause-time.Millisecond)
			w.refused(tab, 3)
			looptest.Advance(w.Loop, time.Millisecond)
			r := w.get(tab, "probe")
			w.refused(tab, 3)
			w.until(func() bool { return r.here || len(tab.(interface{ servers() *server }).servers().links) == 0 })
			looptest.Advance(w.Loop, shortPause)
			w.until(func() bool { return r.here })
			w.expect(r.Answer, tryAgain)
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
		s.start()
		looptest.Advance(w.Loop, 8*time.Second)
		w.expect(w.ask(tab, "k"), value("k"))
	})
}

// TestServerHung: a server that takes requests and does not answer costs its
// clients one deadline, and from then on one of them.
func TestServerHung(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		release, let := held(t)
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.wait = release
			return a
		})
		var list []*reply
		for i := range 64 {
			list = append(list, w.get(tab, fmt.Sprint("k", i)))
		}
		w.until(func() bool { return len(s.requests()) == defaultPool })
		looptest.Advance(w.Loop, time.Duration(p.limit)*time.Second)
		for i, r := range list {
			w.until(func() bool { return r.here })
			if r.Answer != tryAgain || r.times != 1 {
				t.Errorf("%d: %+v", i, *r)
			}
		}
		if n := len(w.log); w.alone() != 1 || n > 2*5+1+defaultPool {
			t.Errorf("%d lines in the log:\n%s", n, strings.Join(w.log, "\n"))
		}
		w.logged()
		w.refused(tab, 64)
		looptest.Advance(w.Loop, time.Second)
		probe := w.get(tab, "probe")
		w.refused(tab, 64)
		w.until(func() bool { return s.heard("probe") == 1 })
		looptest.Advance(w.Loop, min(2, time.Duration(p.limit))*time.Second) // memcache's and redis' timeout
		looptest.Advance(w.Loop, time.Duration(p.limit-2)*time.Second)
		w.until(func() bool { return probe.here })
		w.expect(probe.Answer, tryAgain)
		let()
		looptest.Advance(w.Loop, 2*time.Second)
		w.expect(w.ask(tab, "k"), value("k"))
		if got := w.logged(); !strings.HasSuffix(got, ": is answered again") || strings.Contains(got, "\n") {
			t.Errorf("logged %q", got)
		}
		for i := range 10 {
			key := fmt.Sprint("after", i)
			w.expect(w.ask(tab, key), value(key))
		}
	})
}

// TestServerAlmostDown: as long as it answers now and then, it is asked.
func TestServerAlmostDown(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		s.answers(func(request string) saying {
			if strings.HasPrefix(p.key(request), "bad") {
				return saying{hangUp: true}
			}
			return p.echo(request)
		})
		for i := range 20 {
			r := w.get(tab, fmt.Sprint("bad", i))
			w.outlast(tab, r)
			w.expect(r.Answer, tryAgain)
			if i%4 == 3 {
				w.expect(w.ask(tab, "k"), value("k"))
			}
		}
		if n := w.alone(); n != 0 {
			t.Error(w.logged())
		}
	})
}

// TestHungWithBackup: what costs time is found out once, then the backup is
// asked at once, for changes as well.
func TestHungWithBackup(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	m := newFakeMemcache(w)
	tab := w.openFor("memcache:"+w.file("memcache = inet:"+m.addr), ReadWrite)
	b := &fakeTable{w: w, values: map[string]string{}}
	for i := range 20 {
		b.values[fmt.Sprint("k", i)] = fmt.Sprint("v", i)
	}
	tab.(*memcacheTable).backup = b
	release, let := held(t)
	m.answers(func(request string) saying {
		<-release
		return m.say(request)
	})
	var list []*reply
	for i := range 20 {
		list = append(list, w.get(tab, fmt.Sprint("k", i)))
	}
	w.until(func() bool { return len(m.requests()) == defaultPool })
	looptest.Advance(w.Loop, 5*time.Second)
	for i, r := range list {
		w.until(func() bool { return r.here })
		w.expect(r.Answer, Answer{Value: fmt.Sprint("v", i)})
	}
	if w.alone() != 1 {
		t.Error(w.logged())
	}
	for i := range 20 { // no time passes
		b.values[fmt.Sprint("later", i)] = fmt.Sprint("v", i)
		w.expect(w.ask(tab, fmt.Sprint("later", i)), Answer{Value: fmt.Sprint("v", i)})
	}
	w.changed(w.put(tab, "later0", "new"), OK)
	w.expect(w.ask(tab, "later0"), Answer{Value: "new"})
	w.changed(w.delete(tab, "later1"), OK)
	w.expect(w.ask(tab, "later1"), Answer{Status: NoKey})
	if n := m.heard("later"); n != 0 {
		t.Errorf("%d requests more", n)
	}
	let()
	looptest.Advance(w.Loop, time.Second)
	w.expect(w.ask(tab, "k2"), Answer{Value: "v2"})
	m.took()
	w.expect(w.ask(tab, "k2"), Answer{Value: "v2"})
	if got := m.took(); got != "get k2" {
		t.Errorf("asked %q", got)
	}
}

// TestServerShared: tables of one name have the connections together, and what
// one of them does not want any more is the others' still.
func TestServerShared(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		ref := tab.(interface{ servers() *server }).servers().ref
		release, let := held(t)
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.wait = release
			return a
		})
		tabs := []Table{tab, w.open(ref), w.open(ref)}
		var list []*reply
		for i := range 30 {
			list = append(list, w.get(tabs[i%3], fmt.Sprint("k", i)))
		}
		gone, err := w.Open(ref, ReadOnly, 0)
		w.must(err)
		forgotten := w.get(gone, "gone")
		w.until(func() bool { return len(s.requests()) == defaultPool })
		gone.Close()
		let()
		for i, r := range list {
			w.until(func() bool { return r.here })
			w.expect(r.Answer, value(fmt.Sprint("k", i)))
		}
		if n := s.accepts(); n != defaultPool || forgotten.here {
			t.Errorf("%d connections, %+v", n, *forgotten)
		}
		if n := len(w.servers); n != 1 {
			t.Errorf("%d servers", n)
		}
	})
}

// TestServerSharedSettings: with other settings it is another server, and it
// goes with the last of its tables.
func TestServerSharedSettings(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	m := newFakeMemcache(w)
	path := w.file("memcache = inet:" + m.addr)
	one, err := w.Open("memcache:"+path, ReadOnly, 0)
	w.must(err)
	w.expect(w.ask(one, "k"), Answer{Status: NoKey})
	for _, text := range []string{"memcache = inet:" + m.addr + "\nkey_format = x%s", "memcache = inet:" + m.addr + "\ntimeout = 1"} {
		w.rewrite(path, text)
		two, err := w.Open("memcache:"+path, ReadOnly, 0)
		w.must(err)
		w.expect(w.ask(two, "k"), Answer{Status: NoKey})
		want := 1
		if strings.Contains(text, "timeout") {
			want = 2
		}
		if n := len(w.servers); n != want || m.open() != want {
			t.Errorf("%s: %d servers, %d connections", text, n, m.open())
		}
		two.Close()
		w.until(func() bool { return len(w.servers) == 1 && m.open() == 1 })
	}
	one.Close()
	w.until(func() bool { return len(w.servers) == 0 && m.open() == 0 })
}

// TestProbeForgotten: when the table whose request is the probe is closed, the
// next one's is.
func TestProbeForgotten(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	p := protocols[1]
	s := newFake(w, "tcp", "127.0.0.1:0", p.read, p.echo)
	release, let := held(t)
	s.answers(func(string) saying { return saying{wait: release, hangUp: true} })
	tab := w.open(p.ref(w, s.addr))
	for i := range 5 {
		w.get(tab, fmt.Sprint("k", i))
	}
	w.until(func() bool { return len(s.requests()) == defaultPool })
	looptest.Advance(w.Loop, 30*time.Second)
	if w.alone() != 1 {
		t.Fatal(w.logged())
	}
	looptest.Advance(w.Loop, time.Second)
	other, err := w.Open(p.ref(w, s.addr), ReadOnly, 0)
	w.must(err)
	w.get(other, "probe")
	w.refused(tab, 1)
	w.until(func() bool { return s.heard("probe") == 1 })
	other.Close()
	s.answers(p.echo)
	let()
	w.expect(w.ask(tab, "k"), value("k"))
}

// TestLimits: what the parameters say goes for every table with a server, but
// for a deadline that is shorter by its own settings.
func TestLimits(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, _ Table) {
		w.Limits = func(string) Limits { return Limits{Connections: 2, Queue: 8, Deadline: 7 * time.Second} }
		release, let := held(t)
		s.answers(func(request string) saying {
			a := p.echo(request)
			a.wait = release
			return a
		})
		tab := w.open(p.ref(w, s.addr))
		var list []*reply
		for i := range 8 {
			list = append(list, w.get(tab, fmt.Sprint("k", i)))
		}
		more := w.get(tab, "more")
		if !more.here || more.Answer != tryAgain {
			t.Errorf("one too many: %+v", *more)
		}
		w.until(func() bool { return len(s.requests()) == 2 })
		if n := s.open(); n != 2 {
			t.Errorf("%d connections", n)
		}
		deadline := time.Duration(min(p.limit, 7)) * time.Second
		looptest.Advance(w.Loop, deadline-time.Millisecond)
		for _, r := range list {
			if r.here {
				t.Fatal("given up early")
			}
		}
		looptest.Advance(w.Loop, time.Millisecond)
		for _, r := range list {
			w.until(func() bool { return r.here })
			w.expect(r.Answer, tryAgain)
		}
		if text := w.logged(); strings.Contains(text, "not asking it") {
			t.Error(text)
		}
		let()
		w.expect(w.ask(tab, "k"), value("k"))
	})
}

// TestDrivenDown: a driver that says "not now" a few times in a row has its
// server left alone. What a single key is answered with does not count.
func TestDrivenDown(t *testing.T) {
	limits := fourAtOnce
	limits.Failures, limits.Backoff, limits.MaxBackoff = 5, time.Second, time.Minute
	w := newDriven(t, limits)
	for range 10 {
		w.says("three", "retry")
		w.says("refused", "retry")
	}
	for range 4 {
		w.says("retry", "retry")
	}
	w.says("value", "=value-of-value@a.example")
	if text := w.logged(); strings.Count(text, "Expansion limit exceeded") != 10 || strings.Count(text, "bad bytes in refused") != 10 || strings.Count(text, "server is down") != 4 || strings.Contains(text, "not asking") {
		t.Error(text)
	}
	for range 5 {
		w.says("retry", "retry")
	}
	w.says("value", "retry")
	w.logs("server is down", "server is down", "server is down", "server is down", "server is down", "-- not asking it for 1s")
	looptest.Advance(w.Loop, time.Second)
	w.says("retry", "retry")
	w.says("value", "retry")
	looptest.Advance(w.Loop, 2*time.Second)
	w.says("value", "=value-of-value@a.example")
	w.logs(": is answered again")

	// Workers that cannot be started are no better.
	looptest.Advance(w.Loop, workerIdle)
	w.until(func() bool { return w.Loop.Children() == 0 })
	w.must(os.Remove(w.dir + "/table-fake"))
	for range 5 {
		w.says("value", "retry")
		looptest.Advance(w.Loop, shortPause)
	}
	w.says("value", "retry")
	w.logs("No such file", "No such file", "No such file", "No such file", "No such file", "-- not asking it for 1s")
}
