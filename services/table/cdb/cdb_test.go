// SPDX-License-Identifier: ISC

package cdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// source reads what testdata/make has made a database of, in its order.
// postmap has folded the keys; null is what it has put behind keys and values.
func source(t *testing.T, name, null string) (pairs []pair) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".src")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		pairs = append(pairs, pair{strings.ToLower(key) + null, value + null})
	}
	return pairs
}

func open(t testing.TB, f file) *Reader {
	t.Helper()
	d, err := New(f, int64(len(f)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// check asks for every pair, and for the whole table.
func check(t *testing.T, d *Reader, pairs []pair) {
	t.Helper()
	for _, p := range pairs {
		got, ok, err := d.Get([]byte(p.key))
		if err != nil || !ok || string(got) != p.value {
			t.Fatalf("%.40q: got %.40q, %v, %v; want %.40q", p.key, got, ok, err, p.value)
		}
	}
	var place int64
	for _, p := range pairs {
		key, value, next, ok, err := d.Next(place)
		if err != nil || !ok || string(key) != p.key || string(value) != p.value {
			t.Fatalf("at %d: got %.40q, %.40q, %v, %v; want %.40q", place, key, value, ok, err, p.key)
		}
		place = next
	}
	for range 2 {
		key, _, next, ok, err := d.Next(place)
		if ok || err != nil || next < place {
			t.Fatalf("at the end: %.40q, %d, %v, %v", key, next, ok, err)
		}
		place = next
	}
}

func TestGolden(t *testing.T) {
	for _, test := range []struct{ file, null string }{
		{"small", ""},
		{"nulls", "\x00"},
		{"many", ""},
		{"long", ""},
		{"empty", ""},
	} {
		t.Run(test.file, func(t *testing.T) {
			b, err := os.ReadFile("testdata/" + test.file + ".cdb")
			if err != nil {
				t.Fatal(err)
			}
			d := open(t, b)
			pairs := source(t, test.file, test.null)
			check(t, d, pairs)
			for _, p := range append(pairs, pair{key: "x"}) {
				for _, no := range []string{"no" + p.key, p.key + "\x00", ""} {
					if got, ok, err := d.Get([]byte(no)); ok || err != nil {
						t.Errorf("%q, which is not there: %q, %v", no, got, err)
					}
				}
			}
			if !bytes.Equal(makeFile(pairs), b) {
				t.Error("the other tests make other files than postmap")
			}
		})
	}
}

// TestModel compares random databases with a map.
func TestModel(t *testing.T) {
	for _, n := range []int{1, 255, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			want := map[string]string{}
			var pairs []pair
			for range n {
				p := pair{randomText(r, r.IntN(600)), randomText(r, r.IntN(1000))}
				if _, there := want[p.key]; !there {
					pairs = append(pairs, p)
					want[p.key] = p.value
				}
			}
			d := open(t, makeFile(pairs))
			check(t, d, pairs)
			for range 3000 {
				key := randomText(r, r.IntN(3))
				value, ok, err := d.Get([]byte(key))
				if _, there := want[key]; ok != there || err != nil || string(value) != want[key] {
					t.Errorf("%q: got %.40q, %v, %v; want %.40q", key, value, ok, err, want[key])
				}
			}
		})
	}
}

func randomText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return string(b)
}

// TestSameHash has keys that only their letters tell apart: in this hash "0!"
// and "1\x00" are the same.
func TestSameHash(t *testing.T) {
	if hash([]byte("0!")) != hash([]byte("1\x00")) {
		t.Fatal("not the same hash")
	}
	var pairs []pair
	for i := range 64 {
		key := ""
		for bit := range 6 {
			key += []string{"0!", "1\x00"}[i>>bit&1]
		}
		pairs = append(pairs, pair{key, fmt.Sprint(i)})
	}
	d := open(t, makeFile(pairs))
	check(t, d, pairs)
	if got, ok, err := d.Get([]byte("0!0!0!0!0!1!")); ok || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFirstOfSeveral(t *testing.T) {
	got, ok, err := open(t, makeFile([]pair{{"a", "1"}, {"a", "2"}})).Get([]byte("a"))
	if string(got) != "1" || !ok || err != nil {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
}

// TestTableWithoutPlace has the tables without slots nowhere, as some writers
// have them.
func TestTableWithoutPlace(t *testing.T) {
	pairs := []pair{{"a", "1"}, {"b", "2"}}
	f := makeFile(pairs)
	for i := range 256 {
		if binary.LittleEndian.Uint32(f[8*i+4:]) == 0 {
			binary.LittleEndian.PutUint32(f[8*i:], 0)
		}
	}
	check(t, open(t, f), pairs)
}

// TestDamaged breaks a file in one place. Nothing is found then, and nothing
// is said not to be there.
func TestDamaged(t *testing.T) {
	pairs := make([]pair, 1000)
	for i := range pairs {
		pairs[i] = pair{fmt.Sprint("key", i), strings.Repeat("v", 500)}
	}
	good := makeFile(pairs)
	key := []byte("key500")
	h := hash(key)
	at, n := pairAt(good, int(8*(h%256)))
	var slot int // where key's is
	for i := range int(n) {
		if sum, _ := pairAt(good, int(at)+8*i); sum == h {
			slot = int(at) + 8*i
		}
	}
	_, place := pairAt(good, slot)
	put := binary.LittleEndian.PutUint32
	for _, test := range []struct {
		name  string
		spoil func(f file) file
		want  error
	}{
		{"no file", func(file) file { return nil }, ErrDamaged},
		{"cut off in the head", func(f file) file { return f[:headSize-1] }, ErrDamaged},
		{"cut off in the records", func(f file) file { return f[:3000] }, ErrDamaged},
		{"cut off in the tables", func(f file) file { return f[:len(f)-1] }, ErrDamaged},
		{"table in the head", func(f file) file { put(f[8*(h%256):], 8); return f }, ErrDamaged},
		{"table behind the file", func(f file) file { put(f[8*(h%256):], 1<<32-1); return f }, ErrDamaged},
		{"table of all the file and more", func(f file) file { put(f[8*(h%256)+4:], 1<<32-1); return f }, ErrDamaged},
		{"record in the head", func(f file) file { put(f[slot+4:], 8); return f }, ErrDamaged},
		{"record in the tables", func(f file) file { put(f[slot+4:], at); return f }, ErrDamaged},
		{"record behind the file", func(f file) file { put(f[slot+4:], 1<<32-1); return f }, ErrDamaged},
		{"key too long", func(f file) file { put(f[place:], 1<<32-1); return f }, ErrDamaged},
		{"value too long", func(f file) file { put(f[place+4:], 1<<32-1); return f }, ErrDamaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.spoil(bytes.Clone(good))
			d, err := New(f, int64(len(f)))
			if err == nil {
				var ok bool
				if _, ok, err = d.Get(key); ok {
					t.Error("found")
				}
				walk(t, d)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func pairAt(f file, at int) (uint32, uint32) { return numbers(f[at:]) }

// TestTooMuch has look-ups that would go on for long.
func TestTooMuch(t *testing.T) {
	key := []byte("a")
	h := hash(key)
	table := func(n int, f file, fill func(slot []byte)) file {
		at := len(f)
		f = append(f, make([]byte, n*slotSize)...)
		for i := range n {
			fill(f[at+i*slotSize:])
		}
		binary.LittleEndian.PutUint32(f[8*(h%256):], uint32(at))
		binary.LittleEndian.PutUint32(f[8*(h%256)+4:], uint32(n))
		return f
	}
	full := table(maxSlots+1024, make(file, headSize), func(slot []byte) {
		binary.LittleEndian.PutUint32(slot, h+256)
		binary.LittleEndian.PutUint32(slot[4:], headSize)
	})
	record := append(make(file, headSize), "\x01\x00\x00\x00\x00\x00\x00\x00b"...)
	same := table(maxRecords+16, record, func(slot []byte) {
		binary.LittleEndian.PutUint32(slot, h)
		binary.LittleEndian.PutUint32(slot[4:], headSize)
	})
	for _, f := range []file{full, same} {
		if _, ok, err := open(t, f).Get(key); ok || !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, %v", ok, err)
		}
	}
	// A table without an empty slot is none of ours, but no damage.
	few := table(100, make(file, headSize), func(slot []byte) {
		binary.LittleEndian.PutUint32(slot, h+256)
		binary.LittleEndian.PutUint32(slot[4:], headSize)
	})
	if _, ok, err := open(t, few).Get(key); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

// walk asks for all records until the end or an error.
func walk(t *testing.T, d *Reader) {
	t.Helper()
	var place int64
	for {
		_, _, next, ok, err := d.Next(place)
		if !ok || err != nil {
			return
		}
		if next <= place {
			t.Fatalf("from %d to %d", place, next)
		}
		place = next
	}
}

// broken fails to read behind its head.
type broken struct{ file }

var errBroken = errors.New("broken")

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at >= headSize {
		return 0, errBroken
	}
	return b.file.ReadAt(p, at)
}

func TestReadError(t *testing.T) {
	f := makeFile([]pair{{"a", "1"}})
	d, err := New(broken{f}, int64(len(f)))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := d.Get([]byte("a")); ok || !errors.Is(err, errBroken) {
		t.Errorf("got %v, %v", ok, err)
	}
	if _, _, _, ok, err := d.Next(0); ok || !errors.Is(err, errBroken) {
		t.Errorf("got %v, %v", ok, err)
	}
}

func BenchmarkGet(b *testing.B) {
	f, err := os.Open("testdata/many.cdb")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		b.Fatal(err)
	}
	d, err := New(f, size)
	if err != nil {
		b.Fatal(err)
	}
	key := []byte("user777@example.com")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := d.Get(key); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
