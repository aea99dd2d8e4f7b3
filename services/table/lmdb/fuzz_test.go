// SPDX-License-Identifier: ISC

package lmdb

import (
	"bytes"
	"testing"
)

// counted counts reads.
type counted struct {
	file
	reads, bytes int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	c.reads++
	c.bytes += len(b)
	return c.file.ReadAt(b, at)
}

// FuzzLmdb reads files that nobody has made: good ones with other bytes in some
// places, each three bytes of spoil. What that costs is bounded by the depth of
// the tree, and walks end.
func FuzzLmdb(f *testing.F) {
	good := []file{
		makeFile(256, numbered(3)),
		makeFile(256, numbered(100)),
		makeFile(512, []pair{{key: "a", value: string(make([]byte, 1000))}, {key: "b", kind: nodeNamed}, {key: "c", kind: nodeDups}}),
		makeFile(256, nil),
	}
	last := make([]int, len(good)) // the meta page that counts
	for i, g := range good {
		last[i] = int(native.Uint32(g[metaPage:]))
	}
	spoil := func(at int, value byte) []byte { return []byte{byte(at >> 8), byte(at), value} }
	f.Add(uint8(0), []byte{}, []byte("key0001"))
	f.Add(uint8(1), []byte{}, []byte("key0050"))
	f.Add(uint8(1), spoil(last[1]+metaDepth, 1), []byte("key0050"))
	f.Add(uint8(1), spoil(last[1]+metaRoot, 2), []byte("key0050"))
	f.Add(uint8(1), spoil(2*256+pageHead, 200), []byte("key0001"))
	f.Add(uint8(1), spoil(2*256+pageLower, 200), []byte("key0001"))
	f.Add(uint8(2), []byte{}, []byte("a"))
	f.Add(uint8(2), spoil(512+metaLast, 3), []byte("a"))
	f.Add(uint8(3), []byte{}, []byte(""))
	f.Fuzz(func(t *testing.T, which uint8, spoil, key []byte) {
		data := bytes.Clone(good[int(which)%len(good)])
		for ; len(spoil) >= 3; spoil = spoil[3:] {
			data[(int(spoil[0])<<8|int(spoil[1]))%len(data)] = spoil[2]
		}
		readAll(t, data, key)
	})
}

// FuzzLmdbFile reads files that are nothing but damage, or cut off.
func FuzzLmdbFile(f *testing.F) {
	f.Add([]byte(makeFile(256, numbered(3))), []byte("key0001"))
	f.Add([]byte(makeFile(256, numbered(20)))[:1000], []byte("key0001"))
	f.Fuzz(func(t *testing.T, data, key []byte) { readAll(t, data, key) })
}

func readAll(t *testing.T, data file, key []byte) {
	c := &counted{file: data}
	d := New(c)
	if err := d.Begin(); err != nil {
		return
	}
	c.reads, c.bytes = 0, 0
	value, ok, err := d.Get(key)
	if most := d.depth + 1; c.reads > most {
		t.Fatalf("%d reads, where %d should do", c.reads, most)
	}
	if most := d.depth*d.page + pageHead + MaxValue; c.bytes > most {
		t.Fatalf("%d bytes read", c.bytes)
	}
	if ok && (err != nil || len(value) > len(data)) {
		t.Fatalf("found %d bytes in a file of %d, %v", len(value), len(data), err)
	}
	value = bytes.Clone(value)
	again, okAgain, _ := d.Get(key)
	if ok != okAgain || !bytes.Equal(value, again) {
		t.Fatalf("%q, and then %q", value, again)
	}
	if err := d.End(); err != nil {
		t.Fatal(err)
	}
	walk(t, d)
}
