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

// FuzzLmdb reads files that nobody has made: at a cost that the depth of the
// tree bounds, and walks that end.
func FuzzLmdb(f *testing.F) {
	f.Add([]byte(makeFile(256, numbered(3))), []byte("key0001"))
	f.Add([]byte(makeFile(256, numbered(100))), []byte("key0050"))
	f.Add([]byte(makeFile(256, []pair{{key: "a", value: string(make([]byte, 1000))}, {key: "b", kind: nodeNamed}})), []byte("a"))
	f.Add([]byte(makeFile(256, nil)), []byte(""))
	f.Fuzz(func(t *testing.T, data, key []byte) {
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
	})
}
