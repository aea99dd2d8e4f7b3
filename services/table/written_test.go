// SPDX-License-Identifier: ISC

package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/table/worker"
)

// fakeWriter has its entries in memory, with the forms that it was told.
type fakeWriter struct {
	s    *worker.Settings
	keys []string
	have map[string]string
}

func openFakeWriter(s *worker.Settings) (worker.Writer, error) {
	return &fakeWriter{s, nil, map[string]string{}}, nil
}

func (d *fakeWriter) Close() {}

// Start fails as long as the directory of the table is not there.
func (d *fakeWriter) Start(context.Context) error {
	if _, err := os.Stat(filepath.Dir(d.s.String("path"))); err != nil {
		return errors.New(d.s.String("type") + ":x is unavailable. no directory")
	}
	return nil
}

func (d *fakeWriter) Find(_ context.Context, key string, f worker.Forms) (string, bool, error) {
	switch key {
	case "pid":
		return fmt.Sprint(os.Getpid()), true, nil
	case "settings":
		return fmt.Sprintf("%v %v %v %d %d %s", d.s.Bool("hold"), d.s.Bool("null"), d.s.Bool("plain"), d.s.Int("cache"), d.s.Int("size"), d.s.String("path")), true, nil
	case "forms":
		return fmt.Sprint(f.Null, f.Plain), true, nil
	case "hang":
		time.Sleep(time.Hour)
	}
	value, found := d.have[key]
	return value, found, nil
}

func (d *fakeWriter) Put(_ context.Context, key, value string, _ worker.Forms, dup worker.Dup) (bool, error) {
	if _, there := d.have[key]; !there {
		d.keys = append(d.keys, key)
		slices.Sort(d.keys)
	}
	d.have[key] = value + " " + string(dup)
	return true, nil
}

func (d *fakeWriter) Delete(_ context.Context, key string, _ worker.Forms) (bool, error) {
	at, found := slices.BinarySearch(d.keys, key)
	if found {
		d.keys = slices.Delete(d.keys, at, at+1)
		delete(d.have, key)
	}
	return found, nil
}

func (d *fakeWriter) Next(_ context.Context, first bool, last string) (key, value string, found bool, err error) {
	for _, key := range d.keys {
		if first || key+"\x00" > last {
			return key + "\x00", d.have[key], true, nil
		}
	}
	return "", "", false, nil
}

// newFakeWritten is a world with a table that a fake worker writes.
func newFakeWritten(t *testing.T, ref string, f Flags) (*netWorld, Table) {
	t.Helper()
	w := newNetWorld(t, looptest.New(t))
	exe, err := os.Executable()
	w.must(err)
	for _, program := range []string{"table-berkeley", "table-lmdb"} {
		w.must(os.Symlink(exe, filepath.Join(w.dir, program)))
	}
	w.Workers = w.dir
	tab, err := w.Open(strings.ReplaceAll(ref, "DIR", w.dir), ReadWrite, f)
	w.must(err)
	t.Cleanup(func() {
		tab.Close()
		w.until(func() bool { return w.Loop.Children() == 0 && w.Loop.Stats().Conns == 0 })
	})
	return w, tab
}

func TestWrittenSettings(t *testing.T) {
	for _, row := range []struct {
		ref   string
		f     Flags
		want  string
		flags Flags
	}{
		{"hash:DIR/x", 0, "false true true 131072 0 DIR/x.db", Fixed | Try0Null | Try1Null},
		{"btree:DIR/x", OpenLock | Try1Null, "true true false 131072 0 DIR/x.db", Fixed | Try1Null},
		{"lmdb:DIR/x", OpenLock | Lock | Try0Null, "false false true 0 16777216 DIR/x.lmdb", Fixed | MultiWriter | Try0Null},
	} {
		w, tab := newFakeWritten(t, row.ref, row.f)
		if got := strings.ReplaceAll(w.ask(tab, "settings").Value, w.dir, "DIR"); got != row.want || tab.Flags() != row.flags {
			t.Errorf("%s with %v: %s, %v", row.ref, row.f, got, tab.Flags())
		}
		var got []string
		for _, f := range []Flags{0, Try0Null, Try1Null, Try0Null | Try1Null} {
			n := len(got)
			tab.Get("forms", f, func(a Answer) { got = append(got, a.Value) })
			w.until(func() bool { return len(got) > n })
		}
		if text := strings.Join(got, ", "); text != "false false, false true, true false, true true" {
			t.Errorf("forms: %s", text)
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	}
}

func TestWrittenWalk(t *testing.T) {
	for _, typ := range []string{"btree", "lmdb"} {
		w, tab := newFakeWritten(t, typ+":DIR/x", 0)
		for _, key := range []string{"B", "a", "c"} {
			w.changed(w.put(tab, key, "v"), OK)
		}
		if got := spell(w.ask(tab, "b")); got != "=v replace" {
			t.Error(got)
		}
		next := func(first bool) string {
			t.Helper()
			text := ""
			say := func(p Pair, s Status) { text = p.Key + " " + spellStatus(s) }
			if p, s := tab.(Walker).Next(first, 0, say); s != Later {
				say(p, s)
			}
			w.until(func() bool { return text != "" })
			return text
		}
		var got []string
		for i := range 6 { // without having been told to begin
			got = append(got, next(false))
			if i == 1 { // the place is kept, whatever becomes of the entry
				w.changed(w.delete(tab, "b"), OK)
			}
		}
		want := "a ok,b ok,c ok, no key, no key, no key"
		if typ == "lmdb" {
			want = "a ok,b ok,c ok, no key,a ok,c ok"
		}
		if text := strings.Join(got, ","); text != want {
			t.Errorf("%s: got %s, want %s", typ, text, want)
		}
		if got := next(true); got != "a ok" {
			t.Error(got)
		}
		w.changed(w.delete(tab, "b"), NoKey)
		w.changed(w.put(tab, "nu\x00ll", "v"), NoKey)
		if tab.(Writer).Put("\xff", "v", FoldFix|UTF8Active, nil) != OK {
			t.Error("a key that nobody can ask for is as good as stored")
		}
	}
}

// TestWrittenNever two workers at once: the next waits for the end of the last, which
// has its time.
func TestWrittenNever(t *testing.T) {
	w, tab := newFakeWritten(t, "hash:DIR/x", OpenLock)
	pid := w.ask(tab, "pid").Value
	hung := w.get(tab, "hang")
	w.must(w.Loop.Turn(0))
	looptest.Advance(w.Loop, DefaultLimits.Deadline+workerGrace)
	if !hung.here || hung.Status != Retry {
		t.Fatalf("%+v", hung)
	}
	r := w.get(tab, "pid")
	looptest.Advance(w.Loop, DefaultLimits.Deadline)
	if w.Loop.Children() != 1 || r.here {
		t.Fatalf("%d workers", w.Loop.Children())
	}
	looptest.Advance(w.Loop, workerGrace)
	if r.Status != Retry {
		t.Errorf("%+v", r)
	}
	w.get(tab, "pid")
	looptest.Advance(w.Loop, writerEnds.busy-DefaultLimits.Deadline-2*workerGrace)
	w.log = nil
	r = w.get(tab, "pid")
	looptest.Advance(w.Loop, workerGrace)
	w.until(func() bool { return r.here })
	if r.Status != OK || r.Value == pid {
		t.Errorf("%+v", r)
	}
	looptest.Advance(w.Loop, time.Hour) // it has the file locked: it stays
	if w.Loop.Children() != 1 {
		t.Error("it is gone")
	}
}

func TestWrittenNotOpened(t *testing.T) {
	w, tab := newFakeWritten(t, "hash:DIR/none/x", 0)
	w.until(func() bool { return len(w.log) > 0 })
	if text := w.logged(); text != "error: no directory" {
		t.Error(text)
	}
	if got := spell(w.ask(tab, "k")); got != "no key" { // of the fake one
		t.Error(got)
	}
}
