// SPDX-License-Identifier: ISC

package bdb

// Types of items in btree, and the mark of one that has been deleted.
const (
	btreeInline  = 1
	btreeDups    = 2
	btreeOffPage = 3
	btreeDeleted = 0x80
)

const leafLevel = 1

// maxInner is how many bytes of inner pages are kept; as many as Postfix has the
// library keep by default.
const maxInner = 128 << 10

// btreeGet looks for key in the leaf where it would be.
func (f *File) btreeGet(key []byte) (value []byte, ok bool, err error) {
	n, err := f.descend(key, false)
	if err != nil {
		return nil, false, err
	}
	at, err := f.seek(&f.page, n, 2, 0, key)
	if err != nil {
		return nil, false, err
	}
	// A deleted item may stand before one that is not.
	for ; at < n; at += 2 {
		it, err := f.page.btreeItem(at)
		if err != nil {
			return nil, false, err
		}
		if same, err := f.is(it, key); !same || err != nil {
			return nil, false, err
		}
		if !f.page.isDeleted(at) {
			value, err = f.btreeValue(at)
			return value, err == nil, err
		}
	}
	return nil, false, nil
}

// descend makes the leaf where key would be the page at hand, or the first
// leaf, and returns the number of its items. Every page is one level below its
// parent, so the way ends.
func (f *File) descend(key []byte, first bool) (items int, err error) {
	no := f.meta.root
	for level := -1; ; level-- {
		p, kept := f.inner[no], true
		if p == nil {
			p, kept = &f.page, false
			if err := f.read(p, no); err != nil {
				return 0, err
			}
		}
		switch {
		case p.number() != no:
			return 0, p.damaged("its number is %d", p.number())
		case level >= 0 && p.level() != level, p.level() < leafLevel:
			return 0, p.damaged("level %d, expected %d", p.level(), level)
		}
		level = p.level()
		if level == leafLevel {
			return p.leafItems()
		}
		n := p.entries()
		if p.kind() != pageInternal || n == 0 || pageHeader+2*n > len(p.b) {
			return 0, p.damaged("type %d with %d items at level %d", p.kind(), n, level)
		}
		if !kept {
			p = f.keep(p)
		}
		// The first key is less than every other, whatever it says.
		child := 0
		if !first {
			at, err := f.seek(p, n, 1, 1, key)
			if err != nil {
				return 0, err
			}
			child, err = f.upTo(p, at, n, key)
			if err != nil {
				return 0, err
			}
		}
		from := p.offset(child)
		if from < pageHeader+2*n || from+12 > len(p.b) {
			return 0, p.damaged("item %d is at %d", child, from)
		}
		no = p.u32(from + 4)
	}
}

// keep keeps an inner page until Load is called again, if there is room for it.
func (f *File) keep(p *page) *page {
	if (len(f.inner)+1)*len(p.b) > maxInner && len(f.inner) > 0 {
		return p
	}
	if f.inner == nil {
		f.inner = make(map[uint32]*page)
	}
	var kept *page
	if n := len(f.spare); n > 0 {
		kept, f.spare = f.spare[n-1], f.spare[:n-1]
	} else {
		kept = new(page)
	}
	kept.no, kept.b, kept.big = p.no, append(kept.b[:0], p.b...), p.big
	f.inner[p.no] = kept
	return kept
}

// forget forgets the inner pages.
func (f *File) forget() {
	for _, p := range f.inner {
		f.spare = append(f.spare, p)
	}
	clear(f.inner)
}

// upTo is the last item of an internal page that is not greater than key, of
// which at is the first that is not less.
func (f *File) upTo(p *page, at, n int, key []byte) (int, error) {
	if at == n {
		return n - 1, nil
	}
	it, err := p.btreeItem(at)
	if err != nil {
		return 0, err
	}
	same, err := f.is(it, key)
	if same {
		return at, err
	}
	return at - 1, err
}

// leafItems checks the header of the leaf at hand.
func (p *page) leafItems() (int, error) {
	n := p.entries()
	if p.kind() != pageLeaf || p.level() != leafLevel || n%2 != 0 || pageHeader+2*n > len(p.b) {
		return 0, p.damaged("type %d with %d items at level %d", p.kind(), n, p.level())
	}
	return n, nil
}

// seek returns the first of the page's n items, or every step-th of them, that
// is not less than key, from item low on.
func (f *File) seek(p *page, n, step, low int, key []byte) (int, error) {
	low /= step
	for high := n / step; low < high; {
		middle := (low + high) / 2
		it, err := p.btreeItem(middle * step)
		if err != nil {
			return 0, err
		}
		order, err := f.compare(it, key)
		if err != nil {
			return 0, err
		}
		if order < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low * step, nil
}

// btreeItem returns item i of a leaf, or the key of one of an internal page.
func (p *page) btreeItem(i int) (item, error) {
	from := p.offset(i)
	header := 3
	if p.kind() == pageInternal {
		header = 12
	}
	if from < pageHeader+2*p.entries() || from+header > len(p.b) {
		return item{}, p.damaged("item %d is at %d", i, from)
	}
	size := p.u16(from)
	kind := p.b[from+2] &^ btreeDeleted
	if kind == btreeOffPage { // of a fixed size: the length says nothing
		if header == 3 {
			header = 0
		}
		from += header
		if from+12 > len(p.b) || p.u32(from+4) == 0 {
			return item{}, p.damaged("item %d has its data nowhere", i)
		}
		return item{first: p.u32(from + 4), size: p.u32(from + 8)}, nil
	}
	switch from += header; {
	case kind == btreeDups:
		return item{}, p.damaged("item %d is a set of duplicates, which are not supported", i)
	case kind != btreeInline:
		return item{}, p.damaged("item %d has type %d", i, kind)
	case from+size > len(p.b):
		return item{}, p.damaged("item %d is from %d to %d", i, from, from+size)
	}
	return item{data: p.b[from : from+size : from+size]}, nil
}

// isDeleted says whether the pair whose key is item i is not there any more.
// Berkeley DB marks the value.
func (p *page) isDeleted(i int) bool {
	from := p.offset(i + 1)
	return from+2 < len(p.b) && p.b[from+2]&btreeDeleted != 0
}

// btreeValue returns the value of the key that is item i of the leaf.
func (f *File) btreeValue(i int) ([]byte, error) {
	it, err := f.page.btreeItem(i + 1)
	if err != nil {
		return nil, err
	}
	return f.whole(it)
}

// btreeNext puts the next key into f.best.
func (f *File) btreeNext(c *Cursor) (value []byte, ok bool, err error) {
	n, err := f.descend(c.key, !c.moved)
	if err != nil {
		return nil, false, err
	}
	at := 0
	if c.moved {
		if at, err = f.seek(&f.page, n, 2, 0, c.key); err != nil {
			return nil, false, err
		}
	}
	p := &f.page
	for {
		for ; at < n; at += 2 {
			if p.isDeleted(at) {
				continue
			}
			it, err := p.btreeItem(at)
			if err != nil {
				return nil, false, err
			}
			if c.moved {
				if order, err := f.compare(it, c.key); err != nil {
					return nil, false, err
				} else if order <= 0 {
					continue
				}
			}
			key, err := f.whole(it)
			if err != nil {
				return nil, false, err
			}
			f.best = append(f.best[:0], key...)
			value, err = f.btreeValue(at)
			return value, err == nil, err
		}
		prev, no := p.no, p.next()
		if no == 0 {
			return nil, false, nil
		}
		if err := f.readLinked(p, no, prev, pageLeaf, pageLeaf); err != nil {
			return nil, false, err
		}
		if n, err = p.leafItems(); err != nil {
			return nil, false, err
		}
		at = 0
	}
}
