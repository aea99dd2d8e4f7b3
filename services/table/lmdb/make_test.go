// SPDX-License-Identifier: ISC

package lmdb

import (
	"bytes"
	"cmp"
	"slices"
)

// pair is a key with its value. kind is for its node's flags.
type pair struct {
	key, value string
	kind       uint16
}

// file is a database in memory.
type file []byte

func (f file) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(f).ReadAt(b, at) }

func (f file) page(n, size int) []byte { return f[n*size : (n+1)*size] }

// maker writes a database as LMDB would that is given its keys in order: one
// leaf after the other, each as full as it can be.
type maker struct {
	size  int
	pages []byte
}

// makeFile makes the database of those pairs, with pages of that size.
func makeFile(size int, pairs []pair) file {
	pairs = slices.SortedFunc(slices.Values(pairs), func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	m := &maker{size: size, pages: make([]byte, 2*size)}
	depth, root := 0, none
	if len(pairs) > 0 {
		depth, root = m.tree(pairs)
	}
	last := uint64(len(m.pages)/size - 1)
	for i := range 2 {
		p := m.pages[i*size:]
		native.PutUint64(p[pageNumber:], uint64(i))
		native.PutUint16(p[pageFlags:], flagMeta)
		native.PutUint32(p[metaMagic:], magic)
		native.PutUint32(p[metaVersion:], version)
		native.PutUint32(p[metaPage:], uint32(size))
		native.PutUint64(p[metaRoot:], none)
		native.PutUint64(p[metaLast:], 1)
		native.PutUint64(p[metaTxn:], uint64(i))
	}
	p := m.pages[size:]
	native.PutUint16(p[metaDepth:], uint16(depth))
	native.PutUint64(p[metaRoot:], root)
	native.PutUint64(p[metaLast:], last)
	return m.pages
}

// child is what a branch has of a page below it.
type child struct {
	first  string
	number uint64
}

func (m *maker) tree(pairs []pair) (depth int, root uint64) {
	var level []child
	var nodes [][]byte
	var first string
	flush := func() {
		level = append(level, child{first, m.add(flagLeaf, nodes)})
		nodes = nil
	}
	for _, p := range pairs {
		n := m.leafNode(p)
		if !m.fit(nodes, n) {
			flush()
		}
		if len(nodes) == 0 {
			first = p.key
		}
		nodes = append(nodes, n)
	}
	flush()
	for depth = 1; len(level) > 1; depth++ {
		level = m.branches(level)
	}
	return depth, level[0].number
}

func (m *maker) branches(below []child) (level []child) {
	var nodes [][]byte
	var first string
	for _, c := range below {
		n := branchNode(c.number, c.first)
		if !m.fit(nodes, n) {
			level = append(level, child{first, m.add(flagBranch, nodes)})
			nodes = nil
		}
		if len(nodes) == 0 {
			first = c.first
			n = branchNode(c.number, "")
		}
		nodes = append(nodes, n)
	}
	return append(level, child{first, m.add(flagBranch, nodes)})
}

func branchNode(number uint64, key string) []byte {
	n := make([]byte, nodeHead, nodeHead+len(key)+1)
	native.PutUint16(n[nodeLow:], uint16(number))
	native.PutUint16(n[nodeHigh:], uint16(number>>16))
	native.PutUint16(n[nodeFlags:], uint16(number>>32))
	native.PutUint16(n[nodeKey:], uint16(len(key)))
	return even(append(n, key...))
}

func (m *maker) leafNode(p pair) []byte {
	value, kind := []byte(p.value), p.kind
	if nodeHead+len(p.key)+len(value) > (m.size-pageHead)/2-4 {
		value = native.AppendUint64(nil, m.overflow(p.value))
		kind |= nodePages
	}
	n := make([]byte, nodeHead)
	native.PutUint16(n[nodeLow:], uint16(len(p.value)))
	native.PutUint16(n[nodeHigh:], uint16(len(p.value)>>16))
	native.PutUint16(n[nodeFlags:], kind)
	native.PutUint16(n[nodeKey:], uint16(len(p.key)))
	return even(append(append(n, p.key...), value...))
}

func even(n []byte) []byte {
	if len(n)%2 == 1 {
		n = append(n, 0)
	}
	return n
}

func (m *maker) fit(nodes [][]byte, n []byte) bool {
	room := m.size - pageHead - 2 - len(n)
	for _, n := range nodes {
		room -= 2 + len(n)
	}
	return room >= 0
}

func (m *maker) add(kind uint16, nodes [][]byte) uint64 {
	p := make([]byte, m.size)
	number := uint64(len(m.pages) / m.size)
	native.PutUint64(p[pageNumber:], number)
	native.PutUint16(p[pageFlags:], kind)
	upper := m.size
	for i, n := range nodes {
		upper -= len(n)
		copy(p[upper:], n)
		native.PutUint16(p[pageHead+2*i:], uint16(upper))
	}
	native.PutUint16(p[pageLower:], uint16(pageHead+2*len(nodes)))
	native.PutUint16(p[pageUpper:], uint16(upper))
	m.pages = append(m.pages, p...)
	return number
}

func (m *maker) overflow(value string) uint64 {
	count := (pageHead + len(value) + m.size - 1) / m.size
	p := make([]byte, count*m.size)
	number := uint64(len(m.pages) / m.size)
	native.PutUint64(p[pageNumber:], number)
	native.PutUint16(p[pageFlags:], flagOverflow)
	native.PutUint32(p[pageCount:], uint32(count))
	copy(p[pageHead:], value)
	m.pages = append(m.pages, p...)
	return number
}
