// SPDX-License-Identifier: ISC

package bdb

import "bytes"

// Types of items in hash.
const (
	hashInline  = 1
	hashDups    = 2
	hashOffPage = 3
	hashOffDups = 4
)

// hashGet looks through the pages of a bucket.
func (f *File) hashGet(key []byte) (value []byte, ok bool, err error) {
	bucket := f.meta.bucket(hash(key))
	p := &f.page
	for prev, no := uint32(0), f.meta.bucketPage(bucket); no != 0; prev, no = no, p.next() {
		n, err := f.hashRead(no, prev)
		if err != nil {
			return nil, false, err
		}
		at, err := f.hashFind(n, key)
		if err != nil {
			return nil, false, err
		}
		if at >= 0 {
			value, err = f.hashValue(at)
			return value, err == nil, err
		}
	}
	return nil, false, nil
}

// hashRead reads a page of a bucket, and returns the number of its items.
func (f *File) hashRead(no, prev uint32) (items int, err error) {
	p := &f.page
	if err := f.read(p, no); err != nil {
		return 0, err
	}
	if prev == 0 && p.kind() == 0 && p.isZero() {
		return 0, nil // the bucket was never used
	}
	if err := p.check(prev, pageSorted, pageUnsorted); err != nil {
		return 0, err
	}
	n := p.entries()
	if n%2 != 0 || pageHeader+2*n > len(p.b) {
		return 0, p.damaged("it has %d items", n)
	}
	return n, nil
}

func (p *page) isZero() bool {
	for _, c := range p.b {
		if c != 0 {
			return false
		}
	}
	return true
}

// hashFind returns which item of the page is key, or -1. They are sorted in
// newer files, but a page is walked as fast as it is read, and whatever the
// order is, the walk finds what is there.
func (f *File) hashFind(n int, key []byte) (at int, err error) {
	p := &f.page
	end, floor := len(p.b), pageHeader+2*n
	for i := 0; i < n; i += 2 {
		from, after := p.offset(i), p.offset(i+1)
		if after < floor || from <= after || end <= from {
			return -1, p.damaged("item %d is from %d, of %d, to %d", i, from, after, end)
		}
		switch p.b[from] {
		case hashInline:
			// The length, because few keys have the same.
			if end-from-1 == len(key) && bytes.Equal(p.b[from+1:end], key) {
				return i, nil
			}
		default:
			it, err := p.hashItem(i)
			if err != nil {
				return -1, err
			}
			if same, err := f.is(it, key); same || err != nil {
				return i, err
			}
		}
		end = after
	}
	return -1, nil
}

// hashItem returns item i of the page.
func (p *page) hashItem(i int) (item, error) {
	end := len(p.b)
	if i > 0 {
		end = p.offset(i - 1)
	}
	from := p.offset(i)
	if from < pageHeader+2*p.entries() || from >= end || end > len(p.b) {
		return item{}, p.damaged("item %d is from %d to %d", i, from, end)
	}
	switch b := p.b[from:end]; b[0] {
	case hashInline:
		return item{data: b[1:]}, nil
	case hashOffPage:
		if len(b) < 12 || p.u32(from+4) == 0 {
			return item{}, p.damaged("item %d has its data nowhere", i)
		}
		return item{first: p.u32(from + 4), size: p.u32(from + 8)}, nil
	case hashDups, hashOffDups:
		return item{}, p.damaged("item %d is a set of duplicates, which are not supported", i)
	default:
		return item{}, p.damaged("item %d has type %d", i, b[0])
	}
}

// hashValue returns the value of the key that is item i of the page.
func (f *File) hashValue(i int) ([]byte, error) {
	it, err := f.page.hashItem(i + 1)
	if err != nil {
		return nil, err
	}
	return f.whole(it)
}

// hashNext puts the next key into f.best. Within a bucket that is the one that
// comes next by its bytes: pages and places in them change when another key is
// deleted, which keys do not. Buckets are small.
func (f *File) hashNext(c *Cursor) (value []byte, ok bool, err error) {
	if c.moved && c.bucket > f.meta.maxBucket {
		return nil, false, nil
	}
	value, ok, err = f.hashNextIn(c.bucket, c.key, c.moved)
	for bucket := c.bucket; !ok && err == nil && bucket < f.meta.maxBucket; {
		bucket++
		if value, ok, err = f.hashNextIn(bucket, nil, false); ok {
			c.bucket = bucket
		}
	}
	return value, ok, err
}

// hashNextIn puts the first key of a bucket into f.best, or the first one
// behind last.
func (f *File) hashNextIn(bucket uint32, last []byte, behind bool) (value []byte, ok bool, err error) {
	p := &f.page
	var page, before uint32
	var at int
	for prev, no := uint32(0), f.meta.bucketPage(bucket); no != 0; prev, no = no, p.next() {
		n, err := f.hashRead(no, prev)
		if err != nil {
			return nil, false, err
		}
		for i := 0; i < n; i += 2 {
			better, err := f.hashBetter(i, last, behind, page != 0)
			if err != nil {
				return nil, false, err
			}
			if better {
				page, before, at = no, prev, i
			}
		}
	}
	if page == 0 {
		return nil, false, nil
	}
	if page != p.no {
		if _, err := f.hashRead(page, before); err != nil {
			return nil, false, err
		}
	}
	value, err = f.hashValue(at)
	return value, err == nil, err
}

// hashBetter puts item i of the page into f.best if it comes behind last and
// before what is there.
func (f *File) hashBetter(i int, last []byte, behind, found bool) (bool, error) {
	it, err := f.page.hashItem(i)
	if err != nil {
		return false, err
	}
	if behind {
		if order, err := f.compare(it, last); err != nil || order <= 0 {
			return false, err
		}
	}
	if found {
		if order, err := f.compare(it, f.best); err != nil || order >= 0 {
			return false, err
		}
	}
	key, err := f.whole(it)
	if err != nil {
		return false, err
	}
	f.best = append(f.best[:0], key...)
	return true, nil
}
