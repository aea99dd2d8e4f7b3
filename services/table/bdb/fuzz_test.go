// SPDX-License-Identifier: ISC

package bdb

import (
	"testing"
)

// counted counts how often it is read.
type counted struct {
	bytesReader
	reads int
}

func (r *counted) ReadAt(b []byte, at int64) (int, error) {
	r.reads++
	return r.bytesReader.ReadAt(b, at)
}

// fuzzed asks a damaged file for everything. Nothing panics, no call reads more
// than a few times as much as there is, and Next comes to an end.
func fuzzed(t *testing.T, b, key []byte, m Method) {
	f := inMemory(b, m)
	r := &counted{bytesReader: f.r.(bytesReader)}
	f.r = r
	if f.Load() != nil {
		if _, _, err := f.Get(key); err == nil {
			t.Fatal("Get from what could not be loaded: no error")
		}
		return
	}
	most := 4*len(b)/f.meta.pageSize + 16
	within := func(what string) {
		t.Helper()
		if r.reads > most {
			t.Fatalf("%s read %d pages of a file of %d bytes", what, r.reads, len(b))
		}
		r.reads = 0
	}
	r.reads = 0
	value, ok, err := f.Get(key)
	within("Get")
	if ok && err != nil || !ok && value != nil || len(value) > len(b) {
		t.Fatalf("Get: %q, %v, %v", value, ok, err)
	}
	var c Cursor
	for range len(b) { // there are fewer keys than bytes
		r.reads = 0
		key, value, ok, err := f.Next(&c)
		within("Next")
		if !ok || err != nil {
			return
		}
		if len(key) > len(b) || len(value) > len(b) {
			t.Fatalf("Next: %d and %d bytes out of %d", len(key), len(value), len(b))
		}
		keep := string(key)
		r.reads = 0
		_, there, err := f.Get([]byte(keep))
		within("Get")
		// In a bucket a key is found that belongs to another.
		if m == Hash && f.meta.bucket(hash([]byte(keep))) == c.bucket && !there && err == nil {
			t.Fatalf("Next returned %q, Get does not find it", keep)
		}
	}
	t.Fatal("Next does not come to an end")
}

func FuzzHash(f *testing.F) {
	for _, name := range []string{"hash-512-big.db", "hash-few.db", "hash-none.db", "hash-dups.db", "hash-sum.db"} {
		f.Add(testdata(f, name), []byte("user1@example.com"))
	}
	f.Add(testdata(f, "hash.db"), []byte("user1@example.com\x00"))
	f.Fuzz(func(t *testing.T, b, key []byte) { fuzzed(t, b, key, Hash) })
}

func FuzzBtree(f *testing.F) {
	for _, name := range []string{"btree-512-big.db", "btree-few.db", "btree-none.db", "btree-dups.db", "btree-sum.db", "btree-recnum.db", "recno.db"} {
		f.Add(testdata(f, name), []byte("user1@example.com"))
	}
	f.Add(testdata(f, "btree.db"), []byte("user1@example.com\x00"))
	f.Fuzz(func(t *testing.T, b, key []byte) { fuzzed(t, b, key, Btree) })
}
