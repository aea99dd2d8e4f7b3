// SPDX-License-Identifier: ISC

package bdb

import "bytes"

// item is a key or a value: either data, which is in a page at hand, or size
// bytes in pages of its own, of which first is the first. That cannot be 0.
type item struct {
	data  []byte
	first uint32
	size  uint32
}

// is reports whether the item is key.
func (f *File) is(it item, key []byte) (bool, error) {
	if it.first == 0 {
		return bytes.Equal(it.data, key), nil
	}
	if uint64(it.size) != uint64(len(key)) {
		return false, nil
	}
	c, err := f.compare(it, key)
	return c == 0, err
}

// compare orders as Berkeley DB does, byte by byte: negative if the item is
// less than key.
func (f *File) compare(it item, key []byte) (int, error) {
	if it.first == 0 {
		return bytes.Compare(it.data, key), nil
	}
	result, rest := 0, key
	err := f.walk(it, func(part []byte) (more bool) {
		n := min(len(part), len(rest))
		if result = bytes.Compare(part[:n], rest[:n]); result != 0 {
			return false
		}
		rest = rest[n:]
		if n < len(part) {
			result = 1
			return false
		}
		return true
	})
	if result == 0 && len(rest) > 0 {
		result = -1
	}
	return result, err
}

// maxKept is the longest item for which the memory is kept.
const maxKept = 256 << 10

// whole returns the item's data, which is good until the next call.
func (f *File) whole(it item) ([]byte, error) {
	if it.first == 0 {
		return it.data, nil
	}
	if cap(f.item) > maxKept {
		f.item = nil
	}
	// No more than the pages have is ever asked for: size may be damaged.
	f.item = f.item[:0]
	if err := f.walk(it, func(part []byte) bool {
		f.item = append(f.item, part...)
		return true
	}); err != nil {
		return nil, err
	}
	return f.item, nil
}

// walk goes over the pages of an item, until visit does not want more.
func (f *File) walk(it item, visit func(part []byte) (more bool)) error {
	p := &f.over
	prev, no, left := uint32(0), it.first, int64(it.size)
	for left > 0 {
		if err := f.readLinked(p, no, prev, pageOverflow, pageOverflow); err != nil {
			return err
		}
		n := p.start()
		if n == 0 || n > len(p.b)-pageHeader || int64(n) > left {
			return p.damaged("it has %d bytes of an item of which %d are left", n, left)
		}
		left -= int64(n)
		if next := p.next(); (next == 0) != (left == 0) {
			return p.damaged("page %d is next when %d bytes are left", next, left)
		}
		if !visit(p.b[pageHeader : pageHeader+n]) {
			return nil
		}
		prev, no = no, p.next()
	}
	return nil
}
