// SPDX-License-Identifier: ISC

package lspawntest

import (
	"encoding/binary"
	"strings"
	"testing"
)

// Newu returns the users/cdb that qmail-newu(8) makes of a users/assign, but
// for its last line, the point.
func Newu(t testing.TB, assign string) []byte {
	t.Helper()
	var w cdbWriter
	marks := ""
	w.head()
	for line := range strings.Lines(assign) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 8)
		if len(f) < 8 || f[0] == "" {
			t.Fatalf("bad format in users/assign: %q", line)
		}
		key := "!" + strings.ToLower(f[0][1:])
		switch f[0][0] {
		case '=':
			key += "\x00"
		case '+':
			if n := len(f[0]); n > 1 && !strings.Contains(marks, f[0][n-1:]) {
				marks += f[0][n-1:]
			}
		default:
			t.Fatalf("bad format in users/assign: %q", line)
		}
		w.add(key, strings.Join(f[1:7], "\x00"))
	}
	w.add("", marks)
	return w.finish()
}

// Cdb returns the constant database with those keys and values.
func Cdb(pairs ...string) []byte {
	var w cdbWriter
	w.head()
	for i := 0; i < len(pairs); i += 2 {
		w.add(pairs[i], pairs[i+1])
	}
	return w.finish()
}

// cdbWriter makes a constant database in memory.
type cdbWriter struct {
	b     []byte
	slots [256][][2]uint32 // hash, place
}

func (w *cdbWriter) head() { w.b = make([]byte, 2048) }

func (w *cdbWriter) add(key, value string) {
	h := uint32(5381)
	for i := range len(key) {
		h = h*33 ^ uint32(key[i])
	}
	w.slots[h%256] = append(w.slots[h%256], [2]uint32{h, uint32(len(w.b))})
	w.pair(uint32(len(key)), uint32(len(value)))
	w.b = append(append(w.b, key...), value...)
}

func (w *cdbWriter) finish() []byte {
	for i, list := range w.slots {
		table := make([][2]uint32, 2*len(list))
		for _, s := range list {
			at := int(s[0]>>8) % len(table)
			for table[at][1] != 0 {
				at = (at + 1) % len(table)
			}
			table[at] = s
		}
		binary.LittleEndian.PutUint32(w.b[8*i:], uint32(len(w.b)))
		binary.LittleEndian.PutUint32(w.b[8*i+4:], uint32(len(table)))
		for _, s := range table {
			w.pair(s[0], s[1])
		}
	}
	return w.b
}

func (w *cdbWriter) pair(a, b uint32) {
	w.b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(w.b, a), b)
}
