// SPDX-License-Identifier: ISC

package cdb

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzCdb reads files that nobody has made. What is found is in the file, and
// walks end. tables are those of a small file; the rest of its head is empty.
func FuzzCdb(f *testing.F) {
	seed := func(key string, pairs ...pair) {
		data := makeFile(pairs)
		h := hash([]byte(key)) % 256
		f.Add([]byte(data[headSize:]), binary.LittleEndian.Uint32(data[8*h:]), binary.LittleEndian.Uint32(data[8*h+4:]), []byte(key))
	}
	seed("a", pair{"a", "1"}, pair{"b", "2"})
	seed("c", pair{"a", "1"}, pair{"b", "2"})
	seed("", pair{"", ""})
	seed("a", pair{"a", string(make([]byte, 300))})
	f.Fuzz(func(t *testing.T, rest []byte, at, slots uint32, key []byte) {
		data := append(make(file, headSize), rest...)
		h := hash(key) % 256
		binary.LittleEndian.PutUint32(data[8*h:], at)
		binary.LittleEndian.PutUint32(data[8*h+4:], slots)
		d, err := New(data, int64(len(data)))
		if err != nil {
			return
		}
		value, ok, err := d.Get(key)
		if ok && (err != nil || !bytes.Contains(data, append(bytes.Clone(key), value...))) {
			t.Fatalf("found %q, which is not in the file, %v", value, err)
		}
		walk(t, d)
	})
}
