// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"io"
)

const (
	pageSize  = 4096
	pageSlots = 256          // 1 MB for a table at most, and no page before somebody asks for it
	pageReads = 4 * pageSize // longer ones pass by
)

// pages keeps what was read of a file, so that it need not be read again: a
// look-up makes two or three reads, each of which costs as much as all the rest
// of it. Pages are copied, not mapped, and so there is nothing to be cut off
// under the feet of whoever looks at them.
type pages struct {
	file io.ReaderAt
	keep func() bool // whether what the file holds now is what it will hold, until forget
	slot [pageSlots]*page
	read uint64 // how often the file was
}

// page is a piece of the file. The last one is shorter.
type page struct {
	no int64
	n  int
	b  [pageSize]byte
}

// forget is called when the file may hold something else.
func (p *pages) forget() {
	for _, kept := range p.slot {
		if kept != nil {
			kept.no = -1
		}
	}
}

// ReadAt is that of io.ReaderAt.
func (p *pages) ReadAt(b []byte, at int64) (n int, err error) {
	if len(b) > pageReads || !p.keep() {
		p.read++
		return p.file.ReadAt(b, at)
	}
	for n < len(b) {
		no, from := (at+int64(n))/pageSize, int((at+int64(n))%pageSize)
		kept, err := p.page(no)
		if err != nil {
			return n, err
		}
		if from >= kept.n {
			return n, io.EOF
		}
		n += copy(b[n:], kept.b[from:kept.n])
	}
	return n, nil
}

// page returns that page, of which nothing may be there.
func (p *pages) page(no int64) (*page, error) {
	slot := &p.slot[no%pageSlots]
	if *slot == nil {
		*slot = &page{no: -1}
	}
	kept := *slot
	if kept.no == no {
		return kept, nil
	}
	kept.no = -1
	p.read++
	n, err := p.file.ReadAt(kept.b[:], no*pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	kept.no, kept.n = no, n
	return kept, nil
}
