// SPDX-License-Identifier: ISC

package cdb

import (
	"bytes"
	"encoding/binary"
)

type pair struct{ key, value string }

// file is a database in memory.
type file []byte

func (f file) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(f).ReadAt(b, at) }

// makeFile makes the database of those pairs, in their order.
func makeFile(pairs []pair) file {
	f := make(file, headSize)
	type slot struct{ hash, at uint32 }
	var tables [256][]slot
	for _, p := range pairs {
		h := hash([]byte(p.key))
		tables[h%256] = append(tables[h%256], slot{h, uint32(len(f))})
		f = binary.LittleEndian.AppendUint32(f, uint32(len(p.key)))
		f = binary.LittleEndian.AppendUint32(f, uint32(len(p.value)))
		f = append(append(f, p.key...), p.value...)
	}
	for i, t := range tables {
		slots := make([]slot, 2*len(t))
		for _, s := range t {
			at := int(s.hash/256) % len(slots)
			for slots[at].at != 0 {
				at = (at + 1) % len(slots)
			}
			slots[at] = s
		}
		binary.LittleEndian.PutUint32(f[8*i:], uint32(len(f)))
		binary.LittleEndian.PutUint32(f[8*i+4:], uint32(len(slots)))
		for _, s := range slots {
			f = binary.LittleEndian.AppendUint32(f, s.hash)
			f = binary.LittleEndian.AppendUint32(f, s.at)
		}
	}
	return f
}
