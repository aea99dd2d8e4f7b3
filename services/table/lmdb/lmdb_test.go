// SPDX-License-Identifier: ISC

package lmdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// source reads what testdata/make has made a database of. postmap has folded
// the keys; null is what it has put behind keys and values.
func source(t *testing.T, name, null string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".src")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		want[strings.ToLower(key)+null] = value + null
	}
	return want
}

func begin(t testing.TB, r io.ReaderAt) *Reader {
	t.Helper()
	d := New(r)
	if err := d.Begin(); err != nil {
		t.Fatal(err)
	}
	return d
}

// check asks for everything that is wanted, and for the whole table.
func check(t *testing.T, d *Reader, want map[string]string) {
	t.Helper()
	for key, value := range want {
		got, ok, err := d.Get([]byte(key))
		if err != nil || !ok || string(got) != value {
			t.Fatalf("%.40q: got %.40q, %v, %v; want %.40q", key, got, ok, err, value)
		}
	}
	var last []byte
	for _, key := range slices.Sorted(maps.Keys(want)) {
		next, value, ok, err := d.After(last)
		if err != nil || !ok || string(next) != key || string(value) != want[key] {
			t.Fatalf("behind %.40q: got %.40q, %.40q, %v, %v; want %.40q", last, next, value, ok, err, key)
		}
		last = bytes.Clone(next)
	}
	if next, _, ok, err := d.After(last); ok || err != nil {
		t.Fatalf("behind the last: %.40q, %v, %v", next, ok, err)
	}
	if err := d.End(); err != nil {
		t.Fatal(err)
	}
}

func TestGolden(t *testing.T) {
	for _, test := range []struct{ file, source, null string }{
		{"small", "small", "\x00"},
		{"plain", "plain", ""},
		{"tree", "tree", "\x00"},
		{"long", "long", "\x00"},
		{"page8192", "long", "\x00"},
		{"page16384", "long", "\x00"},
		{"empty", "empty", "\x00"},
	} {
		t.Run(test.file, func(t *testing.T) {
			f, err := os.Open("testdata/" + test.file + ".lmdb")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			d := begin(t, f)
			want := source(t, test.source, test.null)
			check(t, d, want)
			for key := range want {
				for _, no := range []string{key + "0", key[:len(key)-1], "\x00" + key, ""} {
					if _, there := want[no]; there {
						continue
					}
					if got, ok, err := d.Get([]byte(no)); ok || err != nil {
						t.Errorf("%q, which is not there: %q, %v", no, got, err)
					}
				}
			}
		})
	}
}

// TestModel compares random databases with a map.
func TestModel(t *testing.T) {
	for _, test := range []struct{ page, pairs, key, value int }{
		{256, 3000, 40, 60},
		{512, 5000, 100, 600},
		{4096, 5000, 511, 300},
		{4096, 300, 30, 30000},
		{32768, 3000, 511, 100000},
		{4096, 1, 10, 10},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(test.page)))
			want := map[string]string{}
			for range test.pairs {
				// Few letters, so that keys begin alike.
				key := randomText(r, 1+r.IntN(test.key), 3)
				n := r.IntN(80)
				if r.IntN(20) == 0 {
					n = r.IntN(test.value)
				}
				want[key] = randomText(r, n, 256)
			}
			var pairs []pair
			for key, value := range want {
				pairs = append(pairs, pair{key: key, value: value})
			}
			d := begin(t, makeFile(test.page, pairs))
			check(t, d, want)
			for range 2000 {
				key := randomText(r, 1+r.IntN(8), 4)
				value, ok, err := d.Get([]byte(key))
				if _, there := want[key]; ok != there || err != nil || string(value) != want[key] {
					t.Errorf("%q: got %.40q, %v, %v; want %.40q", key, value, ok, err, want[key])
				}
			}
		})
	}
}

func randomText(r *rand.Rand, n, letters int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(letters))
	}
	return string(b)
}

// numbered makes n pairs that need more than one level of pages.
func numbered(n int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{key: fmt.Sprintf("key%04d", i), value: fmt.Sprint(i)}
	}
	return pairs
}

func TestNamedDatabases(t *testing.T) {
	pairs := numbered(500)
	for i := range pairs {
		if i%100 < 60 { // more than a page of them
			pairs[i].kind = nodeNamed
		}
	}
	d := begin(t, makeFile(256, pairs))
	want := map[string]string{}
	for _, p := range pairs {
		if p.kind == 0 {
			want[p.key] = p.value
		} else if _, ok, err := d.Get([]byte(p.key)); ok || err != nil {
			t.Fatalf("%q: found a database, %v", p.key, err)
		}
	}
	check(t, d, want)
}

// TestHigherTransaction has each meta page count in turn.
func TestHigherTransaction(t *testing.T) {
	f := makeFile(512, []pair{{key: "a", value: "1"}})
	get := func() bool {
		_, ok, err := begin(t, f).Get([]byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !get() {
		t.Error("not found with the second page")
	}
	native.PutUint64(f[metaTxn:], 7)
	if get() {
		t.Error("found with the first page, which is that of an empty database")
	}
	copy(f[metaFlags:metaTxn], f[512+metaFlags:])
	if !get() {
		t.Error("not found with the first page")
	}
}

// TestRefused breaks a file in one place.
func TestRefused(t *testing.T) {
	const size = 512
	for _, test := range []struct {
		name  string
		spoil func(f file) file
		want  error
	}{
		{"no file", func(file) file { return nil }, ErrInvalid},
		{"one page", func(f file) file { return f[:size] }, ErrInvalid},
		{"half a meta page", func(f file) file { return f[:size+metaSize-1] }, ErrInvalid},
		{"magic", func(f file) file { f[metaMagic]++; return f }, ErrInvalid},
		{"magic of the second", func(f file) file { f[size+metaMagic]++; return f }, ErrInvalid},
		{"no meta page", func(f file) file { f[pageFlags] = flagLeaf; return f }, ErrInvalid},
		{"version", func(f file) file { f[metaVersion] = 2; return f }, ErrVersion},
		{"page size 0", func(f file) file { native.PutUint32(f[metaPage:], 0); return f }, ErrInvalid},
		{"page size odd", func(f file) file { native.PutUint32(f[metaPage:], size+1); return f }, ErrInvalid},
		{"page size huge", func(f file) file { native.PutUint32(f[metaPage:], 1<<31); return f }, ErrInvalid},
		{"several values", func(f file) file { f[size+metaFlags] = 4; return f }, ErrIncompatible},
		{"depth", func(f file) file { f[size+metaDepth] = maxDepth + 1; return f }, ErrCorrupted},
		{"no depth", func(f file) file { f[size+metaDepth] = 0; return f }, ErrCorrupted},
		{"no root", func(f file) file { native.PutUint64(f[size+metaRoot:], none); return f }, ErrCorrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := New(test.spoil(makeFile(size, numbered(200)))).Begin(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestDamaged breaks a page of the tree. Nothing is found then, and nothing is
// said not to be there.
func TestDamaged(t *testing.T) {
	const size = 256
	good := makeFile(size, append(numbered(200), pair{key: "key0100x", value: strings.Repeat("v", 2000)}))
	meta := good[size:]
	root := int(native.Uint64(meta[metaRoot:]))
	depth := int(native.Uint16(meta[metaDepth:]))
	leaf := leafOf(t, good, "key0100")
	other := leafOf(t, good, "key0150")
	for _, test := range []struct {
		name  string
		key   string
		spoil func(f file) file
		want  error
	}{
		{"cut off before the root", "key0100", func(f file) file { return f[:root*size] }, ErrPage},
		{"cut off in the root", "key0100", func(f file) file { return f[:root*size+size-1] }, ErrPage},
		{"cut off before the value", "key0100x", func(f file) file { return f[:2*size] }, ErrPage},
		{"root behind the last", "key0100", func(f file) file {
			native.PutUint64(f[size+metaLast:], uint64(root)-1)
			return f
		}, ErrPage},
		{"root is a meta page", "key0100", func(f file) file { native.PutUint64(f[size+metaRoot:], 1); return f }, ErrPage},
		{"root is a leaf", "key0100", func(f file) file {
			native.PutUint64(f[size+metaRoot:], uint64(leaf))
			return f
		}, ErrCorrupted},
		{"deeper than it is", "key0100", func(f file) file { f[size+metaDepth]++; return f }, ErrCorrupted},
		{"less deep than it is", "key0100", func(f file) file { f[size+metaDepth]--; return f }, ErrCorrupted},
		{"another number", "key0100", func(f file) file { f.page(leaf, size)[pageNumber]++; return f }, ErrCorrupted},
		{"another kind", "key0100", func(f file) file { f.page(leaf, size)[pageFlags] = flagOverflow; return f }, ErrCorrupted},
		{"zeros", "key0100", func(f file) file { clear(f.page(leaf, size)); return f }, ErrCorrupted},
		{"other keys", "key0100", func(f file) file {
			copy(f.page(leaf, size)[8:], f.page(other, size)[8:])
			return f
		}, ErrCorrupted},
		{"other keys", "key0150", func(f file) file {
			copy(f.page(other, size)[8:], f.page(leaf, size)[8:])
			return f
		}, ErrCorrupted},
		{"no nodes", "key0100", func(f file) file { f.page(leaf, size)[pageLower] = pageHead; return f }, ErrCorrupted},
		{"too many nodes", "key0100", func(f file) file {
			native.PutUint16(f.page(leaf, size)[pageLower:], size)
			return f
		}, ErrCorrupted},
		{"nodes behind the page", "key0100", func(f file) file {
			for i := pageHead; i < pageHead+20; i++ {
				f.page(leaf, size)[i] = 0xff
			}
			return f
		}, ErrCorrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := begin(t, test.spoil(file(bytes.Clone(good))))
			for _, key := range []string{test.key, test.key + "0"} {
				if value, ok, err := d.Get([]byte(key)); ok || !errors.Is(err, test.want) {
					t.Errorf("%s: got %.40q, %v, %v; want %v", key, value, ok, err, test.want)
				}
			}
			walk(t, d)
		})
	}
	if depth < 3 {
		t.Errorf("depth is %d, which proves little", depth)
	}
}

// leafOf returns the number of the leaf in which that key is.
func leafOf(t *testing.T, f file, key string) int {
	t.Helper()
	d := begin(t, f)
	if _, ok, err := d.Get([]byte(key)); !ok || err != nil {
		t.Fatalf("%s: %v, %v", key, ok, err)
	}
	return int(d.levels[d.depth-1].number)
}

// walk asks for all keys until the end or an error. They must ascend.
func walk(t *testing.T, d *Reader) {
	t.Helper()
	var last []byte
	for {
		key, _, ok, err := d.After(last)
		if !ok || err != nil {
			return
		}
		if bytes.Compare(key, last) <= 0 {
			t.Fatalf("%q comes behind %q", key, last)
		}
		last = bytes.Clone(key)
	}
}

// TestChanged has a transaction end while a look-up goes on.
func TestChanged(t *testing.T) {
	f := makeFile(512, numbered(100))
	d := begin(t, f)
	if _, ok, err := d.Get([]byte("key0001")); !ok || err != nil {
		t.Fatal(ok, err)
	}
	native.PutUint64(f[metaTxn:], 2)
	if err := d.End(); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if err := d.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := d.End(); err != nil {
		t.Error(err)
	}
}

// broken fails to read.
type broken struct{ file }

var errBroken = errors.New("broken")

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at > 1024 {
		return 0, errBroken
	}
	return b.file.ReadAt(p, at)
}

func TestReadError(t *testing.T) {
	d := begin(t, broken{makeFile(512, numbered(100))})
	if _, ok, err := d.Get([]byte("key0001")); ok || !errors.Is(err, errBroken) {
		t.Errorf("got %v, %v", ok, err)
	}
}

func BenchmarkGet(b *testing.B) {
	f, err := os.Open("testdata/tree.lmdb")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	d := New(f)
	key := []byte("user7@abcdefghijklmnopqrstuvwx.example\x00")
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Begin(); err != nil {
			b.Fatal(err)
		}
		if _, ok, err := d.Get(key); !ok || err != nil {
			b.Fatal(err)
		}
		if err := d.End(); err != nil {
			b.Fatal(err)
		}
	}
}
