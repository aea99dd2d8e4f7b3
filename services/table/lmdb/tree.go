// SPDX-License-Identifier: ISC

package lmdb

import "bytes"

// Places in a page.
const (
	pageNumber = 0
	pageFlags  = 10
	pageLower  = 12 // the end of the places of its nodes
	pageUpper  = 14 // the beginning of its nodes
	pageCount  = 12 // how many pages a value has
	pageHead   = 16
)

// What a page is.
const (
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagOverflow = 0x04
	flagMeta     = 0x08
	flagLeaf2    = 0x20 // of MDB_DUPFIXED
	flagSubpage  = 0x40
	flagsKind    = flagBranch | flagLeaf | flagOverflow | flagMeta | flagLeaf2 | flagSubpage
)

// Places in a node, and what it is.
const (
	nodeLow   = 0 // with nodeHigh, the size of the value
	nodeHigh  = 2
	nodeFlags = 4
	nodeKey   = 6 // the size of the key
	nodeHead  = 8

	nodePages = 0x01 // the value is in pages of its own
	nodeNamed = 0x02 // the value is a database
	nodeDups  = 0x04 // the values are a page or a database
)

const (
	maxDepth = 32 // as in LMDB: of 100 keys a page, that is enough

	// maxPassed is how many named databases one call passes over.
	maxPassed = 1 << 16

	keep = 64 << 10 // the largest buffer that outlives its use

	maxOffset = 1 << 62 // of a page in the file
)

// MaxKey is the longest key that LMDB stores. The shortest is a byte long.
const MaxKey = 511

// MaxValue is the longest value that is returned.
const MaxValue = 64 << 20

// level is a page on the way from the root to a leaf, and the node of it that
// the way goes through.
type level struct {
	number uint64 // none if nothing is held
	buf    []byte
	nodes  int
	at     int
}

// Get returns the value of key, which may be empty.
func (d *Reader) Get(key []byte) (value []byte, ok bool, err error) {
	if len(key) == 0 || len(key) > MaxKey || d.depth == 0 {
		return nil, false, nil
	}
	exact, err := d.find(key)
	if err != nil || !exact {
		return nil, false, err
	}
	n, err := d.node()
	if err != nil || n.flags&(nodeNamed|nodeDups) != 0 {
		return nil, false, err
	}
	value, err = d.content(n)
	return value, err == nil, err
}

// After returns the first key behind that one, which need not be there, and
// its value. All keys are behind one of no bytes. ok is false at the end.
func (d *Reader) After(key []byte) (next, value []byte, ok bool, err error) {
	if d.depth == 0 {
		return nil, nil, false, nil
	}
	exact, err := d.find(key)
	if err != nil {
		return nil, nil, false, err
	}
	leaf := &d.levels[d.depth-1]
	if exact {
		leaf.at++
	}
	for range maxPassed {
		if leaf.at >= leaf.nodes {
			if ok, err = d.nextLeaf(); !ok || err != nil {
				return nil, nil, false, err
			}
		}
		n, err := d.node()
		if err != nil {
			return nil, nil, false, err
		}
		if bytes.Compare(n.key, key) <= 0 {
			return nil, nil, false, ErrCorrupted // or a walk would never end
		}
		if n.flags&(nodeNamed|nodeDups) == 0 {
			value, err = d.content(n)
			return n.key, value, err == nil, err
		}
		leaf.at++
	}
	return nil, nil, false, ErrCorrupted
}

// find goes down to the leaf where key is, or would be, and to the first node
// there whose key is not less. exact says that it is the same. In a leaf whose
// keys are all less it goes one too far.
func (d *Reader) find(key []byte) (exact bool, err error) {
	number := d.root
	for i := range d.depth - 1 {
		l, err := d.load(i, number, flagBranch)
		if err != nil {
			return false, err
		}
		if l.at, exact, err = l.search(1, key); err != nil {
			return false, err
		}
		if !exact {
			l.at-- // the last node whose key is not greater
		}
		if number, err = l.child(); err != nil {
			return false, err
		}
	}
	l, err := d.load(d.depth-1, number, flagLeaf)
	if err != nil {
		return false, err
	}
	l.at, exact, err = l.search(0, key)
	return exact, err
}

// nextLeaf goes to the first node of the next leaf. ok is false behind the
// last.
func (d *Reader) nextLeaf() (ok bool, err error) {
	i := d.depth - 2
	for ; i >= 0 && d.levels[i].at+1 >= d.levels[i].nodes; i-- {
	}
	if i < 0 {
		return false, nil
	}
	d.levels[i].at++
	for ; i < d.depth-1; i++ {
		number, err := d.levels[i].child()
		if err != nil {
			return false, err
		}
		kind := uint16(flagBranch)
		if i+1 == d.depth-1 {
			kind = flagLeaf
		}
		l, err := d.load(i+1, number, kind)
		if err != nil {
			return false, err
		}
		l.at = 0
	}
	return true, nil
}

// load makes the page of that number the one of a level. That its keys are
// those that the page above says finds a page that has become another one.
func (d *Reader) load(i int, number uint64, kind uint16) (*level, error) {
	l := &d.levels[i]
	if l.number == number {
		return l, nil // as in the second of two look-ups
	}
	if err := d.read(l, number, kind); err != nil {
		return nil, err
	}
	if i > 0 {
		if err := l.fits(&d.levels[i-1], kind); err != nil {
			return nil, err
		}
	}
	l.number = number
	return l, nil
}

func (d *Reader) read(l *level, number uint64, kind uint16) error {
	l.number = none
	if number < 2 || number > d.last || number > maxOffset/uint64(d.page) {
		return ErrPage
	}
	if len(l.buf) != d.page {
		l.buf = make([]byte, d.page)
	}
	if err := readAt(d.r, l.buf, int64(number)*int64(d.page)); err != nil {
		return err
	}
	lower, upper := int(native.Uint16(l.buf[pageLower:])), int(native.Uint16(l.buf[pageUpper:]))
	if native.Uint64(l.buf[pageNumber:]) != number || native.Uint16(l.buf[pageFlags:])&flagsKind != kind ||
		lower <= pageHead || lower > upper || upper > d.page {
		return ErrCorrupted
	}
	l.nodes = (lower - pageHead) / 2
	return nil
}

// fits checks that the keys of l lie where the node in the page above says.
func (l *level) fits(above *level, kind uint16) error {
	if above.at > 0 && kind == flagLeaf { // a branch's first node has no key
		least, err := above.key(above.at)
		if err != nil {
			return err
		}
		first, err := l.key(0)
		if err != nil {
			return err
		}
		if bytes.Compare(first, least) < 0 {
			return ErrCorrupted
		}
	}
	if above.at+1 < above.nodes && (l.nodes > 1 || kind == flagLeaf) {
		bound, err := above.key(above.at + 1)
		if err != nil {
			return err
		}
		last, err := l.key(l.nodes - 1)
		if err != nil {
			return err
		}
		if bytes.Compare(last, bound) >= 0 {
			return ErrCorrupted
		}
	}
	return nil
}

// search returns the first node from the one given whose key is not less than
// key; the number of nodes if there is none.
func (l *level) search(from int, key []byte) (at int, exact bool, err error) {
	lo, hi := from, l.nodes
	for lo < hi {
		mid := (lo + hi) / 2
		k, err := l.key(mid)
		if err != nil {
			return 0, false, err
		}
		switch c := bytes.Compare(k, key); {
		case c == 0:
			return mid, true, nil
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false, nil
}

// find returns node i of the page up to its end, which is that of the page.
func (l *level) find(i int) ([]byte, error) {
	at := int(native.Uint16(l.buf[pageHead+2*i:]))
	if at < pageHead || at > len(l.buf)-nodeHead {
		return nil, ErrCorrupted
	}
	return l.buf[at:], nil
}

func (l *level) key(i int) ([]byte, error) {
	b, err := l.find(i)
	if err != nil {
		return nil, err
	}
	end := nodeHead + int(native.Uint16(b[nodeKey:]))
	if end > len(b) {
		return nil, ErrCorrupted
	}
	return b[nodeHead:end], nil
}

// child returns the page that the way goes to.
func (l *level) child() (uint64, error) {
	b, err := l.find(l.at)
	if err != nil {
		return 0, err
	}
	return uint64(native.Uint16(b[nodeLow:])) | uint64(native.Uint16(b[nodeHigh:]))<<16 |
		uint64(native.Uint16(b[nodeFlags:]))<<32, nil
}

// node is one of a leaf.
type node struct {
	key   []byte
	flags uint16
	size  int64
	rest  []byte // behind the key
}

// node returns the node that the way ends at.
func (d *Reader) node() (node, error) {
	l := &d.levels[d.depth-1]
	key, err := l.key(l.at)
	if err != nil {
		return node{}, err
	}
	b, _ := l.find(l.at)
	return node{
		key:   key,
		flags: native.Uint16(b[nodeFlags:]),
		size:  int64(native.Uint16(b[nodeLow:])) | int64(native.Uint16(b[nodeHigh:]))<<16,
		rest:  b[nodeHead+len(key):],
	}, nil
}

// content returns the value of a node.
func (d *Reader) content(n node) ([]byte, error) {
	switch {
	case n.flags&nodePages != 0:
		return d.pages(n)
	case n.size > int64(len(n.rest)):
		return nil, ErrCorrupted
	}
	return n.rest[:n.size], nil
}

// pages returns a value that has pages of its own. Only the first has a head.
func (d *Reader) pages(n node) ([]byte, error) {
	if len(n.rest) < 8 {
		return nil, ErrCorrupted
	}
	if n.size > MaxValue {
		return nil, ErrValue
	}
	number := native.Uint64(n.rest)
	want := (pageHead + uint64(n.size) + uint64(d.page) - 1) / uint64(d.page)
	if number < 2 || number > d.last || d.last-number+1 < want || number > maxOffset/uint64(d.page) {
		return nil, ErrPage
	}
	length := pageHead + int(n.size)
	if length > cap(d.value) || cap(d.value) > keep && length <= keep {
		d.value = make([]byte, length)
	}
	d.value = d.value[:length]
	if err := readAt(d.r, d.value, int64(number)*int64(d.page)); err != nil {
		return nil, err
	}
	if native.Uint64(d.value[pageNumber:]) != number || native.Uint16(d.value[pageFlags:])&flagsKind != flagOverflow ||
		uint64(native.Uint32(d.value[pageCount:])) < want {
		return nil, ErrCorrupted
	}
	return d.value[pageHead:], nil
}
