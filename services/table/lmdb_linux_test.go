// SPDX-License-Identifier: ISC

package table

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// writer is somebody else who has a file locked, in the way that Postfix does.
type writer struct{ f *os.File }

func lockFile(t *testing.T, path string) *writer {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	return &writer{f}
}

func (w *writer) unlock() { _ = w.f.Close() }

// openLocked opens a table that a writer has locked.
func openLocked(t *testing.T) (*indexStage, Table, *writer) {
	t.Helper()
	s := newIndexStage(t)
	name := s.copy(t, "lmdb", "small")
	x := s.open(t, "lmdb:"+name, 0)
	return s, x, lockFile(t, name+".lmdb")
}

// TestLmdbLocked: whoever asks while a writer has the file is answered when it
// is free.
func TestLmdbLocked(t *testing.T) {
	s, x, w := openLocked(t)
	var got []string
	ask := func(key string) {
		t.Helper()
		if a := x.Get(key, FoldFix, func(a Answer) { got = append(got, key+"="+a.Value) }); a.Status != Later {
			t.Fatalf("got %v", a)
		}
	}
	ask("a")
	ask("B")
	if p, status := x.(Walker).Next(true, 0, func(p Pair, _ Status) { got = append(got, p.Key) }); status != Later {
		t.Fatalf("got %v, %v", p, status)
	}
	looptest.Advance(s.Loop, time.Second)
	if got != nil {
		t.Fatalf("answered %v", got)
	}
	w.unlock()
	looptest.Advance(s.Loop, againMost)
	if all := strings.Join(got, " "); all != "a=1 B=2 a" {
		t.Errorf("answered %s", all)
	}
	looptest.Advance(s.Loop, time.Minute)
	if len(got) != 3 {
		t.Errorf("answered %v", got)
	}
	if a := x.Get("a", 0, unexpected(t)); a.Value != "1" {
		t.Errorf("got %v", a)
	}
	if log := s.logged(); log != "" {
		t.Errorf("logged %s", log)
	}
}

// TestLmdbLockedForLong: nobody waits for ever.
func TestLmdbLockedForLong(t *testing.T) {
	s, x, _ := openLocked(t)
	var got Status
	if a := x.Get("a", 0, func(a Answer) { got = a.Status }); a.Status != Later {
		t.Fatalf("got %v", a)
	}
	looptest.Advance(s.Loop, lockPatience-time.Millisecond)
	if got != 0 {
		t.Fatalf("answered %v", got)
	}
	var second Status
	if _, status := x.(Walker).Next(true, 0, func(_ Pair, s Status) { second = s }); status != Later {
		t.Fatalf("got %v", status)
	}
	looptest.Advance(s.Loop, againMost)
	if got != Retry || second != 0 {
		t.Errorf("got %v, %v", got, second)
	}
	want := "warning: lmdb:DIR/small: waited 10s for those who write to DIR/small.lmdb"
	if log := s.logged(); log != want {
		t.Errorf("logged %s", log)
	}
	looptest.Advance(s.Loop, lockPatience)
	if second != Retry {
		t.Errorf("got %v", second)
	}
}

// TestLmdbAskInCallback: whoever asks again as soon as they are answered gets
// that answer in another turn, even if the file is locked again.
func TestLmdbAskInCallback(t *testing.T) {
	s, x, w := openLocked(t)
	answers, asked := 0, false
	var again *writer
	x.Get("a", 0, func(Answer) {
		answers++
		again = lockFile(t, s.dir+"/small.lmdb")
		if a := x.Get("b", 0, func(Answer) { answers++ }); a.Status != Later {
			t.Errorf("got %v", a)
		}
		asked = true
	})
	w.unlock()
	looptest.Advance(s.Loop, time.Second)
	if answers != 1 || !asked {
		t.Fatalf("%d answers", answers)
	}
	again.unlock()
	looptest.Advance(s.Loop, againMost)
	if answers != 2 {
		t.Errorf("%d answers", answers)
	}
}

// TestLmdbCloseWhileLocked: what is due when the table is closed is never
// answered, in a callback of its own either.
func TestLmdbCloseWhileLocked(t *testing.T) {
	s, x, w := openLocked(t)
	answers := 0
	for range 3 {
		x.Get("a", 0, func(Answer) { answers++; x.Close() })
	}
	w.unlock()
	looptest.Advance(s.Loop, time.Second)
	if answers != 1 {
		t.Errorf("%d answers", answers)
	}

	s, x, w = openLocked(t)
	x.Get("a", 0, unexpected(t))
	x.Close()
	w.unlock()
	looptest.Advance(s.Loop, time.Second)
}

// TestLmdbReaders: readers do not keep each other out, and leave no lock.
func TestLmdbReaders(t *testing.T) {
	s := newIndexStage(t)
	name := s.copy(t, "lmdb", "small")
	x := s.open(t, "lmdb:"+name, 0)
	y := s.open(t, "lmdb:"+name, Lock)
	reader, err := os.Open(name + ".lmdb")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(reader.Fd(), unix.F_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	for _, table := range []Table{x, y, x} {
		if a := table.Get("a", 0, unexpected(t)); a.Value != "1" {
			t.Errorf("got %v", a)
		}
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	lockFile(t, name+".lmdb").unlock()
}
