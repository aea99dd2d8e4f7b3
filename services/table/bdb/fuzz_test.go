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
	first := string(value)
	again, okAgain, errAgain := f.Get(key) // out of pages that are kept
	if string(again) != first || okAgain != ok || (errAgain == nil) != (err == nil) {
		t.Fatalf("Get: %q, %v, %v; then %q, %v, %v", value, ok, err, again, okAgain, errAgain)
	}
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

// damage makes a file out of a sound one: edits are threes of bytes, where, high
// and low, and what to put there; the last missing bytes are cut off.
func damage(sound, edits []byte, missing uint16) []byte {
	b := append([]byte(nil), sound...)
	for ; len(edits) >= 3; edits = edits[3:] {
		b[(int(edits[0])<<8|int(edits[1]))%len(b)] = edits[2]
	}
	return b[:max(0, len(b)-int(missing))]
}

// fuzzDamage begins with the sound files, one byte of each page's header
// changed, and lets chance go on from there: a file that is nothing but chance
// hardly gets beyond its magic number.
func fuzzDamage(f *testing.F, m Method, names ...string) {
	var sound [][]byte
	for _, name := range names {
		b := testdata(f, name)
		sound = append(sound, b)
		for at := 0; at < len(b) && at < 4096; at += 512 {
			for field := 8; field < 32; field += 3 {
				f.Add(byte(len(sound)-1), []byte{byte((at + field) >> 8), byte(at + field), 1}, uint16(0), []byte("b"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, edits []byte, missing uint16, key []byte) {
		fuzzed(t, damage(sound[int(which)%len(sound)], edits, missing), key, m)
	})
}

func FuzzHash(f *testing.F) {
	fuzzDamage(f, Hash, "hash-few.db", "hash-none.db", "hash-dups.db", "hash-512-big.db", "hash.db")
}

func FuzzBtree(f *testing.F) {
	fuzzDamage(f, Btree, "btree-few.db", "btree-recnum.db", "btree-dups.db", "btree-512-big.db", "btree.db")
}
