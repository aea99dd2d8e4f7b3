// SPDX-License-Identifier: ISC

package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/table/cf"
	"postloop/services/table/wire"
	"postloop/services/table/worker"
)

// TestMain runs the tests, or a worker when the test's executable is started
// under the name of one.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case name == "table-berkeley" || name == "table-lmdb":
		worker.MainOfWriter(openFakeWriter)
	case strings.HasPrefix(name, "table-"):
		worker.Main(openFake)
	}
	os.Exit(m.Run())
}

// fakeDriver does what its keys say, and keeps a file for each worker that is
// there.
type fakeDriver struct{ s *worker.Settings }

func openFake(s *worker.Settings) (worker.Table, error) {
	if text := s.String("broken"); text != "" {
		return nil, errors.New(text)
	}
	return fakeDriver{s}, os.WriteFile(filepath.Join(s.String("dir"), "worker"+strconv.Itoa(os.Getpid())), nil, 0o600)
}

func (d fakeDriver) Close() {}

func (d fakeDriver) Lookup(ctx context.Context, key string) ([]string, error) {
	name, _, _ := strings.Cut(key, "@")
	word, text, _ := strings.Cut(name, "-")
	switch word {
	case "value":
		return []string{"value-of-" + key}, nil
	case "two":
		return []string{"one@a.example", "", "two@b.example"}, nil
	case "three":
		return []string{"a", "b", "c"}, nil
	case "pid":
		return []string{strconv.Itoa(os.Getpid())}, nil
	case "time": // is about the deadline
		until, _ := ctx.Deadline()
		return []string{strconv.Itoa(int(time.Until(until).Seconds() + 0.5))}, nil
	case "warn":
		d.s.Warnf("this is odd: %s", text)
		d.s.Warnf("and this")
		return nil, nil
	case "retry":
		return nil, errors.New("server is down")
	case "refused":
		return nil, worker.Refused{Err: errors.New("bad bytes in " + key)}
	case "config":
		return nil, worker.ConfigError{Err: errors.New("no such table")}
	case "long":
		return []string{strings.Repeat("x", 1<<20)}, nil
	case "crash":
		panic("a bug")
	case "once": // crashes
		if os.Remove(filepath.Join(d.s.String("dir"), text)) == nil {
			os.Exit(3)
		}
		return []string{"after all"}, nil
	case "hang":
		time.Sleep(time.Hour)
	case "garbage":
		_, _ = os.Stdin.Write([]byte{0xff, 0xff, 0xff, 0xff})
		time.Sleep(time.Hour)
	case "wait": // until a file is there
		for { // nothing tells a process of a file
			if _, err := os.Stat(filepath.Join(d.s.String("dir"), text)); err == nil {
				return []string{"waited"}, nil
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil, nil
}

// drivenWorld is a world with a table that fake workers answer for.
type drivenWorld struct {
	*netWorld
	Table
}

func newDriven(t *testing.T, limits Limits, settings ...string) *drivenWorld {
	t.Helper()
	w := &drivenWorld{netWorld: newNetWorld(t, looptest.New(t))}
	exe, err := os.Executable()
	w.must(err)
	w.must(os.Symlink(exe, filepath.Join(w.dir, "table-fake")))
	w.Workers = w.dir
	w.Limits = func(string) Limits { return limits }
	name := w.file("domain = !not.example, a.example\nexpansion_limit = 2\n")
	w.Table, err = openDriven(w.Env, driver{"fake", "table-fake", func(*keyed) ([]string, []*cf.Template, error) {
		suits, _ := cf.ParseTemplate("%u of %d")
		return append([]string{"dir", w.dir}, settings...), []*cf.Template{suits}, nil
	}}, name, ReadOnly)
	w.must(err)
	t.Cleanup(func() {
		w.Close()
		w.allGone()
	})
	return w
}

// workers counts those that were ever started.
func (w *drivenWorld) workers() int {
	list, err := filepath.Glob(w.dir + "/worker*")
	w.must(err)
	return len(list)
}

// allGone waits for the end of all processes.
func (w *drivenWorld) allGone() {
	w.until(func() bool { return w.Loop.Children() == 0 && w.Loop.Stats().Conns == 0 })
}

// says asks for a key of the domain, and checks the answer.
func (w *drivenWorld) says(key, want string) {
	w.t.Helper()
	if got := spell(w.ask(w.Table, key+"@a.example")); got != want {
		w.t.Errorf("%s: got %.100s, want %.100s", key, got, want)
	}
}

var fourAtOnce = Limits{Connections: 4, Queue: 100, Deadline: 30 * time.Second}

func TestDrivenAnswers(t *testing.T) {
	w := newDriven(t, fourAtOnce)
	w.says("value", "=value-of-value@a.example")
	w.says("none", "no key")
	w.says("two", "=one@a.example,two@b.example")
	w.says("time", "=30")
	w.says("long", "="+strings.Repeat("x", 1<<20))
	if got := spell(w.ask(w.Table, "value@not.example")); got != "no key" {
		t.Error("another domain:", got)
	}
	for _, key := range []string{"value", "@a.example", ""} {
		if a := w.Get(key, 0, nil); a.Status != NoKey {
			t.Errorf("%q: %s", key, spell(a))
		}
	}
	w.logs("empty lookup result for: \"two@a.example\" -- ignored", "empty query string -- ignored")
	w.says("warn-x", "no key")
	w.says("retry", "retry")
	w.says("config", "config")
	w.logs("this is odd: x", "and this", "server is down", "no such table")
	if n := w.workers(); n != 1 {
		t.Errorf("%d workers for one request at a time", n)
	}
}

// logs checks what each line of the log has in it.
func (w *drivenWorld) logs(want ...string) {
	w.t.Helper()
	got := w.log
	w.log = nil
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.Contains(got[i], want[i])
	}
	if !ok {
		w.t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDrivenCrash: a worker that ends is replaced, the request is sent once
// more, and what the worker said is logged.
func TestDrivenCrash(t *testing.T) {
	w := newDriven(t, fourAtOnce)
	w.must(os.WriteFile(filepath.Join(w.dir, "x"), nil, 0o600))
	r := w.get(w.Table, "once-x@a.example")
	w.outlast(w.Table, r)
	if got := spell(r.Answer); got != "=after all" || w.workers() != 2 {
		t.Errorf("got %s of %d workers", got, w.workers())
	}
	w.until(func() bool { return w.Loop.Children() == 1 })
	if text := w.logged(); !strings.Contains(text, "table-fake has ended instead of answering") || !strings.Contains(text, "exit status 3") {
		t.Errorf("the log has %s", text)
	}
	r = w.get(w.Table, "crash@a.example")
	w.outlast(w.Table, r)
	if got := spell(r.Answer); got != "retry" {
		t.Errorf("got %s", got)
	}
	w.until(func() bool { return w.Loop.Children() == 0 && w.Loop.Stats().Conns == 0 })
	if text := w.logged(); !strings.Contains(text, "]: panic: a bug") {
		t.Errorf("the log has %s", text)
	}
	w.says("value", "=value-of-value@a.example")
}

// TestDrivenHangs: a worker that does not answer in time is killed, and the
// table is as before.
func TestDrivenHangs(t *testing.T) {
	for _, key := range []string{"hang@a.example", "garbage@a.example"} {
		w := newDriven(t, fourAtOnce)
		r := w.get(w.Table, key)
		w.until(func() bool { return w.workers() == 1 })
		if strings.HasPrefix(key, "hang") {
			looptest.Advance(w.Loop, fourAtOnce.Deadline+workerGrace-time.Millisecond)
			if r.here {
				t.Error("given up early")
			}
			looptest.Advance(w.Loop, time.Millisecond)
		}
		w.outlast(w.Table, r)
		if got := spell(r.Answer); got != "retry" {
			t.Errorf("%s: got %s", key, got)
		}
		w.until(func() bool { return w.Loop.Children() == 0 })
		if w.logged() == "" {
			t.Error("nothing logged")
		}
		w.says("value", "=value-of-value@a.example")
	}
}

// TestDrivenLimit: there are no more workers than there may be, what waits is
// bounded, and a key that several want to know is asked for once.
func TestDrivenLimit(t *testing.T) {
	w := newDriven(t, Limits{Connections: 2, Queue: 8, Deadline: time.Minute})
	var list []*reply
	for range 8 {
		list = append(list, w.get(w.Table, "wait-go@a.example"))
	}
	for _, r := range list[1:] {
		if r.here {
			t.Fatal("answered")
		}
	}
	w.until(func() bool { return w.workers() == 1 })
	more := w.get(w.Table, "value-1@a.example")
	if !more.here || more.Status != Retry {
		t.Errorf("one too many: %+v", more)
	}
	w.logs("too many requests")
	w.must(os.WriteFile(filepath.Join(w.dir, "go"), nil, 0o600))
	for _, r := range list {
		w.until(func() bool { return r.here })
		if spell(r.Answer) != "=waited" {
			t.Error(spell(r.Answer))
		}
	}
	list = nil
	for i := range 8 {
		list = append(list, w.get(w.Table, fmt.Sprintf("wait-%d@a.example", i)))
	}
	for i := range 8 {
		w.until(func() bool { return w.workers() == 2 })
		w.must(os.WriteFile(filepath.Join(w.dir, strconv.Itoa(i)), nil, 0o600))
	}
	for _, r := range list {
		w.until(func() bool { return r.here })
	}
	if n := w.workers(); n != 2 {
		t.Errorf("%d workers", n)
	}
}

// TestDrivenIdle: workers without work go, and they go with the table.
func TestDrivenIdle(t *testing.T) {
	w := newDriven(t, fourAtOnce)
	w.says("value", "=value-of-value@a.example")
	looptest.Advance(w.Loop, workerIdle)
	w.until(func() bool { return w.Loop.Children() == 0 })
	w.says("value", "=value-of-value@a.example")
	if n := w.workers(); n != 2 {
		t.Errorf("%d workers", n)
	}
	w.Close()
	w.allGone()
	if text := w.logged(); text != "" {
		t.Error(text)
	}
}

// TestDrivenWithoutWorkers: it is said why there is none.
func TestDrivenWithoutWorkers(t *testing.T) {
	for _, row := range []struct {
		spoil func(w *drivenWorld)
		want  string
	}{
		{func(w *drivenWorld) { w.must(os.Remove(w.dir + "/table-fake")) }, "table-fake: No such file or directory"},
		{func(w *drivenWorld) { w.Workers = "" }, "there is no directory with such programs"},
	} {
		w := newDriven(t, fourAtOnce)
		row.spoil(w)
		w.says("value", "retry")
		w.logs(row.want)
	}
	w := newDriven(t, fourAtOnce, "broken", "these settings make no sense")
	w.says("value", "retry")
	w.logs("these settings make no sense")
}

func TestSQLQuery(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ text, want string }{
		{"query = SELECT a FROM b WHERE c = '%s'", "SELECT a FROM b WHERE c = '%s'"},
		{"table = t\nselect_field = f\nwhere_field = w\nadditional_conditions = AND x", "SELECT f FROM t WHERE w='%s' AND x"},
		{"query =\ntable = t\nselect_field = f\nwhere_field = w", "SELECT f FROM t WHERE w='%s' "},
		{"select_field = f\nwhere_field = w", "t.cf: bad string length 0 < 1: table = "},
		{"table = t\nwhere_field = w", "t.cf: bad string length 0 < 1: select_field = "},
		{"table = t\nselect_field = f", "t.cf: bad string length 0 < 1: where_field = "},
		{"query = SELECT %x", "db_common_parse: t.cf: Invalid query template: SELECT %x"},
	} {
		s, _, err := cf.Parse("t.cf", strings.NewReader(row.text+"\n"))
		w.must(err)
		k := keyed{Settings: s}
		query, err := k.sqlQuery()
		got := fmt.Sprint(err)
		if err == nil {
			got = query.String()
		}
		if got != row.want {
			t.Errorf("%q: got %q, want %q", row.text, got, row.want)
		}
	}
}

// TestReadWorker: what is no answer of a worker is not taken for one.
func TestReadWorker(t *testing.T) {
	for _, list := range [][]string{{}, {"0"}, {"x", "0", "value"}, {"", "0"}, {"0", "x"}, {"0", "-1"}, {"-1", "0"}, {"0", "2", "line"}, {"3", "0"}, {"7", "0"}, {"100", "0"}} {
		if n, s, _, _, err := readWorker(wire.AppendList(nil, list...)); err == nil || !strings.HasPrefix(err.Error(), "unexpected answer: ") {
			t.Errorf("%q: %d, %d, %v", list, n, s, err)
		}
	}
	for status, want := range map[string]Status{"0": OK, "1": NoKey, "2": Retry, "5": Config, wire.Refused: workerRefused} {
		if _, s, lines, values, err := readWorker(wire.AppendList(nil, status, "1", "line", "value")); s != want || len(lines) != 1 || len(values) != 1 || err != nil {
			t.Errorf("%s: %d, %q, %q, %v", status, s, lines, values, err)
		}
	}
}
