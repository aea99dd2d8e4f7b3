// SPDX-License-Identifier: ISC

package loop

import "math/bits"

// Buffers come in sizes of a power of two, from 4 KiB to 64 KiB; larger ones
// are made and thrown away.
const (
	smallest = 12
	largest  = 16
	keep     = 20 // free ones of each size: 1 MiB
)

// scratchSize is what one read may bring.
const scratchSize = 64 << 10

// leastRead is the room that a read is given behind what lies unused.
const leastRead = 1 << 10

// buffers has memory for the connections that need some just now: those with
// a part of a request, or with output that could not be sent.
type buffers struct {
	free    [largest - smallest + 1][][]byte
	scratch []byte // what is read first of all goes here, and mostly no further
}

// get returns an empty buffer with room for n bytes.
func (b *buffers) get(n int) []byte {
	class := max(bits.Len(uint(max(n, 1)-1)), smallest)
	if class > largest {
		return make([]byte, 0, n)
	}
	list := &b.free[class-smallest]
	if last := len(*list) - 1; last >= 0 {
		buf := (*list)[last]
		(*list)[last] = nil
		*list = (*list)[:last]
		return buf
	}
	return make([]byte, 0, 1<<class)
}

// put takes a buffer back.
func (b *buffers) put(buf []byte) {
	n := cap(buf)
	class := bits.Len(uint(n)) - 1
	if class < smallest || class > largest || n != 1<<class {
		return
	}
	if list := &b.free[class-smallest]; len(*list) < 1<<(keep-class) {
		*list = append(*list, buf[:0])
	}
}

// grow makes room for n bytes more in buf.
func (b *buffers) grow(buf []byte, n int) []byte {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	// Twice the size at least, so that many small steps copy no more than
	// twice.
	bigger := append(b.get(max(2*len(buf), len(buf)+n)), buf...)
	b.put(buf)
	return bigger
}
