// SPDX-License-Identifier: ISC

package table

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop/looptest"
	"postloop/master/maillog"
)

// world is an Env whose time stands still and whose log is kept.
type world struct {
	*Env
	t   testing.TB
	dir string
	log []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.Env = &Env{Loop: looptest.New(t), Log: maillog.New("test"), Main: cfg.NewMain("main.cf")}
	if err := w.Log.Open(maillog.Dest{Kind: maillog.File, File: filepath.Join(w.dir, "log")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Log.Close)
	w.Log.Tap(func(_, severity, text string) { w.log = append(w.log, severity+": "+text) })
	return w
}

// file writes a file that was last changed a while ago, in one step, and
// returns its name.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.WriteFile(path+".new", []byte(text), 0o600))
	w.touch(path+".new", -time.Hour)
	w.must(os.Rename(path+".new", path))
	return path
}

// touch says that a file was changed that long after now.
func (w *world) touch(path string, after time.Duration) {
	w.t.Helper()
	when := w.Loop.Now().Add(after)
	w.must(os.Chtimes(path, when, when))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open opens a table, which is closed when the test ends.
func (w *world) open(ref string, f Flags) Table {
	w.t.Helper()
	table, err := w.Open(ref, ReadOnly, f)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(table.Close)
	return table
}

// asks checks an answer of this turn. want is a value, or the name of a status.
func (w *world) asks(table Table, key string, f Flags, want string) {
	w.t.Helper()
	a := table.Get(key, f, func(Answer) { w.t.Errorf("%q: a later answer", key) })
	if got := spell(a); got != want {
		w.t.Errorf("%q, %v: got %s, want %s", key, f, got, want)
	}
}

// spell writes an answer for a test: =value, or the name of its status.
func spell(a Answer) string {
	if a.Status == OK {
		return "=" + a.Value
	}
	if a.Value != "" {
		return "a value in spite of " + spellStatus(a.Status)
	}
	return spellStatus(a.Status)
}

func spellStatus(s Status) string {
	switch s {
	case OK:
		return "ok"
	case NoKey:
		return "no key"
	case Retry:
		return "retry"
	case Config:
		return "config"
	case Later:
		return "later"
	}
	return "no status"
}

// logged checks what was logged since the last time.
func (w *world) logged(want ...string) {
	w.t.Helper()
	got := w.log
	w.log = nil
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], w.dir+"/", "")
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("log: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// walks checks all pairs of a table.
func (w *world) walks(table Table, want ...Pair) {
	w.t.Helper()
	walker := table.(Walker)
	var got []Pair
	p, s := walker.Next(true, 0, nil)
	for ; s == OK; p, s = walker.Next(false, 0, nil) {
		got = append(got, p)
	}
	if s != NoKey || !slices.Equal(got, want) {
		w.t.Errorf("got %q and %s, want %q", got, spellStatus(s), want)
	}
}
