// SPDX-License-Identifier: ISC

package bdb

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
)

// golden is what testdata/make puts into files, without null bytes.
func golden() map[string]string {
	m := map[string]string{
		"utf8-ü":      "wert-ü",
		"empty-parts": "two  words",
		"long-value":  fmt.Sprintf("%09000d", 1),
	}
	for i := 1; i <= 40; i++ {
		m[fmt.Sprintf("user%d@example.com", i)] = fmt.Sprint("box", i)
	}
	m[fmt.Sprintf("%05000d", 2)] = "long key"
	return m
}

// byPostmap is what postmap makes of it.
func byPostmap() map[string]string {
	m := make(map[string]string)
	for key, value := range golden() {
		m[key+"\x00"] = value + "\x00"
	}
	delete(m, "user7@example.com\x00")
	return m
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	twenty := make(map[string]string)
	for i := 1; i <= 20; i++ {
		twenty[fmt.Sprint(i)] = fmt.Sprint(i)
	}
	few := map[string]string{"a": "1", "b": fmt.Sprintf("%0600d", 3), fmt.Sprintf("%0600d", 4): "4"}
	for name, want := range map[string]map[string]string{
		"hash.db":          byPostmap(),
		"btree.db":         byPostmap(),
		"hash-512-big.db":  golden(),
		"btree-512-big.db": golden(),
		"hash-none.db":     {},
		"btree-none.db":    {},
		"hash-few.db":      few,
		"btree-few.db":     few,
		"btree-recnum.db":  twenty,
	} {
		t.Run(name, func(t *testing.T) {
			f := inMemory(testdata(t, name), methodOf(name))
			if err := f.Load(); err != nil {
				t.Fatal(err)
			}
			holds(t, f, want)
		})
	}
}

func methodOf(name string) Method {
	if strings.HasPrefix(name, "hash") {
		return Hash
	}
	return Btree
}

// The order of btree is that of its keys.
func TestOrder(t *testing.T) {
	f := inMemory(testdata(t, "btree-512-big.db"), Btree)
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	var c Cursor
	for _, want := range sortedKeys(golden()) {
		if key, _, ok, err := f.Next(&c); !ok || err != nil || string(key) != want {
			t.Fatalf("Next: %.40q, %v, %v; want %.40q", key, ok, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	change := func(b []byte, at int, to ...byte) []byte {
		b = append([]byte(nil), b...)
		copy(b[at:], to)
		return b
	}
	hash, btree := testdata(t, "hash.db"), testdata(t, "btree.db")
	for _, test := range []struct {
		what  string
		b     []byte
		m     Method
		want  string
		alien bool
	}{
		{"btree as hash", btree, Hash, "unexpected file type or format: it is of type btree", true},
		{"hash as btree", hash, Btree, "unexpected file type or format: it is of type hash", true},
		{"empty", nil, Hash, "the file is empty", true},
		{"short", hash[:300], Hash, "the file is shorter than a page", true},
		{"text", []byte(strings.Repeat("root: postmaster\n", 100)), Hash, "unexpected file type or format", true},
		{"cut off", hash[:8192], Hash, "the file is cut off: it has 8192 bytes of 32768", false},
		{"odd size", append(hash[:len(hash):len(hash)], "more"...), Hash, "file size not a multiple of the pagesize", true},
		{"duplicates in hash", testdata(t, "hash-dups.db"), Hash, "duplicate keys are not supported", false},
		{"duplicates in btree", testdata(t, "btree-dups.db"), Btree, "duplicate keys are not supported", false},
		{"sorted duplicates", change(hash, 48, hashDupSort), Hash, "duplicate keys are not supported", false},
		{"several databases", testdata(t, "btree-sub.db"), Btree, "several databases in one file are not supported", false},
		{"several hashes in one", testdata(t, "hash-sub.db"), Hash, "unexpected file type or format: it is of type btree", true},
		{"several hashes", change(hash, 48, hashSubDB), Hash, "several databases in one file are not supported", false},
		{"sums in hash", testdata(t, "hash-sum.db"), Hash, "checksums are not supported", false},
		{"sums in btree", testdata(t, "btree-sum.db"), Btree, "checksums are not supported", false},
		{"recno", testdata(t, "recno.db"), Btree, "unexpected file type or format: it is of type recno", true},
		{"compressed", change(btree, 48, 0x80), Btree, "flags 0x80 are not supported", false},
		{"unknown flag", change(hash, 48, 0x40), Hash, "flags 0x40 are not supported", false},
		{"encrypted", change(hash, 24, 1), Hash, "encrypted files are not supported", false},
		{"partitions", change(hash, 36, 4), Hash, "partitions are not supported", false},
		{"old hash", change(hash, 16, 6), Hash, "hash version 6 requires a version upgrade", false},
		{"old btree", change(btree, 16, 7), Btree, "btree version 7 requires a version upgrade", false},
		{"new hash", change(hash, 16, 10), Hash, "unsupported hash version: 10", false},
		{"new btree", change(btree, 16, 10), Btree, "unsupported btree version: 10", false},
		{"page size", change(hash, 20, 1, 16), Hash, "page size 4097 is not legal", true},
		{"page size of 256", change(hash, 20, 0, 1), Hash, "page size 256 is not legal", true},
		{"page size of 128k", change(hash, 20, 0, 0, 2), Hash, "page size 131072 is not legal", true},
		{"hash function", change(hash, 92, 0), Hash, "it has a hash function of its own", false},
		{"masks", change(hash, 76, 6), Hash, "buckets up to 1 do not fit masks 0x6 and 0x0", true},
		{"no pages", change(hash, 32, 0), Hash, "there is no page but the first", true},
		{"number of page 0", change(hash, 8, 1), Hash, "page 0 has another number", true},
		{"type of page 0", change(hash, 25, 9), Hash, "page 0 has type 9", true},
	} {
		err := inMemory(test.b, test.m).Load()
		e, ok := isFormat(err)
		if !ok || e.Text != test.want || e.Alien != test.alien {
			t.Errorf("%s: %v (%v); want %s (%v)", test.what, err, e != nil && e.Alien, test.want, test.alien)
		}
	}
}

// Older versions that Berkeley DB 5.3 takes as they are.
func TestOldVersions(t *testing.T) {
	for name, versions := range map[string][]byte{"hash.db": {7, 8}, "btree.db": {8}} {
		for _, v := range versions {
			b := testdata(t, name)
			b[16] = v
			f := inMemory(b, methodOf(name))
			if err := f.Load(); err != nil {
				t.Fatalf("%s, version %d: %v", name, v, err)
			}
			holds(t, f, byPostmap())
		}
	}
}

// A file that ends early, wherever that is, has either the right answer or none.
func TestCutOff(t *testing.T) {
	for _, name := range []string{"hash-512-big.db", "btree-512-big.db"} {
		whole := testdata(t, name)
		for size := 0; size < len(whole); size += 128 {
			b := append([]byte(nil), whole...)
			f := inMemory(b, methodOf(name))
			if err := f.Load(); err != nil {
				t.Fatal(err)
			}
			f.r = inMemory(b[:size], methodOf(name)).r // after it was loaded
			for key, want := range golden() {
				value, ok, err := f.Get([]byte(key))
				if err == nil && (!ok || string(value) != want) {
					t.Fatalf("%s with %d bytes of %d: Get(%.40q) = %.40q, %v", name, size, len(whole), key, value, ok)
				}
			}
			if size < len(whole)-512 {
				if all, err := dump(f); err == nil && !maps.Equal(all, golden()) {
					t.Fatalf("%s with %d bytes of %d: Next found %d", name, size, len(whole), len(all))
				}
			}
			if size >= headSize {
				continue
			}
			if err := f.Load(); err == nil {
				t.Fatalf("%s with %d bytes: Load gives no error", name, size)
			}
			if _, _, err := f.Get([]byte("x")); err == nil {
				t.Fatalf("%s with %d bytes: Get gives no error", name, size)
			}
		}
	}
}

// One page after the other is missing, as when somebody copies into the file: it
// is a hole, or what was there before. No answer is wrong, but where all that
// is left of a bucket is a hole: Berkeley DB makes such itself.
func TestHoles(t *testing.T) {
	for _, name := range []string{"hash-512-big.db", "btree-512-big.db"} {
		whole := testdata(t, name)
		for page := 512; page < len(whole); page += 512 {
			for _, fill := range []byte{0, 'x'} {
				b := append([]byte(nil), whole...)
				for i := range 512 {
					b[page+i] = fill
				}
				f := inMemory(b, methodOf(name))
				if err := f.Load(); err != nil {
					t.Fatal(err)
				}
				for key, want := range golden() {
					value, ok, err := f.Get([]byte(key))
					first := name[0] == 'h' && uint32(page/512) == f.meta.bucketPage(f.meta.bucket(hash([]byte(key))))
					if first && fill == 0 {
						continue
					}
					if err == nil && (!ok || string(value) != want) {
						t.Fatalf("%s, page %d: Get(%.40q) = %.40q, %v", name, page/512, key, value, ok)
					}
				}
			}
		}
	}
}

// What Get and Next return is theirs, and used again.
func TestNoAllocation(t *testing.T) {
	for name, data := range map[string]map[string]string{
		"hash.db": byPostmap(), "btree.db": byPostmap(), "hash-512-big.db": golden(), "btree-512-big.db": golden(),
	} {
		f := inMemory(testdata(t, name), methodOf(name))
		var keys [][]byte
		for _, key := range sortedKeys(data) {
			keys = append(keys, []byte(key))
		}
		var c Cursor
		n := testing.AllocsPerRun(len(keys)/2, func() {
			for _, key := range keys {
				if err := f.Load(); err != nil {
					t.Fatal(err)
				}
				if _, ok, err := f.Get(key); !ok || err != nil {
					t.Fatalf("Get(%.40q): %v, %v", key, ok, err)
				}
			}
			if _, _, _, err := f.Next(&c); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations for %d look-ups", name, n, len(keys))
		}
	}
}
