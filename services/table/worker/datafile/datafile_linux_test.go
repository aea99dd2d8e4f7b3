// SPDX-License-Identifier: ISC

package datafile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/table/worker/datafile"
)

func open(t *testing.T, path string, kind datafile.Kind) *datafile.File {
	t.Helper()
	f, err := datafile.Open(path, kind, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestLocks(t *testing.T) {
	for _, kind := range []datafile.Kind{datafile.Flock, datafile.Record} {
		path := t.TempDir() + "/f"
		a, b := open(t, path, kind), open(t, path, kind)
		for _, err := range []error{a.TryLock(false), b.TryLock(false)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := a.TryLock(true); !errors.Is(err, datafile.ErrBusy) {
			t.Errorf("with two readers: %v", err)
		}
		b.Unlock()
		if err := a.TryLock(true); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if err := b.Lock(ctx, false); err == nil || !strings.HasPrefix(err.Error(), "waited ") {
			t.Error(err)
		}
		go a.Unlock()
		if err := b.Lock(t.Context(), true); err != nil {
			t.Error(err)
		}
	}
}

func TestStates(t *testing.T) {
	path := t.TempDir() + "/f"
	f := open(t, path, datafile.Flock)
	state := func() datafile.State {
		t.Helper()
		s, err := f.State()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if !f.Stamp() {
		t.Fatal("a file of our own")
	}
	before := state()
	for i := range 100 { // within one tick of the clock, some of them
		if err := os.WriteFile(path, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if now := state(); now == before {
			t.Fatalf("change %d is not seen", i)
		}
		f.Stamp()
		before = state()
	}
	if err := f.Reserve(1 << 16); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Size != 1 || state().Size != 1 {
		t.Errorf("%v, %d bytes", err, st.Size)
	}
	b := make([]byte, 1)
	if err := f.ReadAt(b, 0); err != nil || b[0] != 99 {
		t.Errorf("%v, %v", err, b)
	}
	if err := f.ReadAt(b, 1); err == nil {
		t.Error("read behind the end")
	}
	if f.Replaced() {
		t.Error("it is the same file")
	}
	if err := os.Remove(path); err != nil || !f.Replaced() {
		t.Errorf("%v; it is gone", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil || !f.Replaced() {
		t.Errorf("%v; it is another file", err)
	}
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"": unix.EISDIR, "/fifo": nil, "/none": fs.ErrNotExist} {
		if _, err := datafile.Open(dir+name, datafile.Flock, false); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
