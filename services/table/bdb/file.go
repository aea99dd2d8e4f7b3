// SPDX-License-Identifier: ISC

package bdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader is a file as it is now.
type Reader interface {
	io.ReaderAt
	Size() (int64, error)
}

// Method is an access method.
type Method string

const (
	Hash  Method = "hash"
	Btree Method = "btree"
)

// FormatError says why a file is not one that this package reads.
type FormatError struct {
	Text string
	// Alien says that it is not a file of this method at all; otherwise it is
	// one that has something in it that is not supported.
	Alien bool
}

func (e *FormatError) Error() string { return e.Text }

// DamageError says what is wrong with a page.
type DamageError struct {
	Page uint32
	Text string
}

func (e *DamageError) Error() string { return fmt.Sprintf("page %d: %s", e.Page, e.Text) }

// File is a database file. It is not read before Load.
type File struct {
	r      Reader
	method Method

	head   [headSize]byte // of the meta page, as it was when meta was taken from it
	fresh  [headSize]byte // as it is
	loaded bool
	meta   meta

	// reads is how many pages this call may still read: several times what a
	// sound file needs. So no circle that damage makes is gone round for long.
	reads int64

	page page   // the page at hand
	over page   // the page at hand of an item that has its own
	item []byte // such an item, put together
	best []byte // the key that Next has found

	inner map[uint32]*page // of a btree: pages that were read since Load
	spare []*page          // to be used for such
}

// New returns the file in r, which is to be of method m.
func New(r Reader, m Method) *File { return &File{r: r, method: m} }

// page is a page of the file.
type page struct {
	no uint32
	b  []byte
	// big is the byte order. It is of the whole file, but looked at so often
	// that it should be near.
	big bool
}

func (p *page) u16(at int) int {
	if p.big {
		return int(binary.BigEndian.Uint16(p.b[at:]))
	}
	return int(binary.LittleEndian.Uint16(p.b[at:]))
}

func (p *page) u32(at int) uint32 {
	if p.big {
		return binary.BigEndian.Uint32(p.b[at:])
	}
	return binary.LittleEndian.Uint32(p.b[at:])
}

const pageHeader = 26

func (p *page) number() uint32 { return p.u32(8) }
func (p *page) prev() uint32   { return p.u32(12) }
func (p *page) next() uint32   { return p.u32(16) }
func (p *page) entries() int   { return p.u16(20) }
func (p *page) start() int     { return p.u16(22) } // the length of what is there, in a page of an item
func (p *page) level() int     { return int(p.b[24]) }
func (p *page) kind() byte     { return p.b[25] }

// offset is where item i is; it is not checked.
func (p *page) offset(i int) int { return p.u16(pageHeader + 2*i) }

func (p *page) damaged(format string, args ...any) error {
	return &DamageError{p.no, fmt.Sprintf(format, args...)}
}

// Types of pages.
const (
	pageUnsorted  = 2 // of hash, by older versions
	pageInternal  = 3
	pageLeaf      = 5
	pageOverflow  = 7
	pageHashMeta  = 8
	pageBtreeMeta = 9
	pageSorted    = 13 // of hash
)

// read reads page no into p. All that is known about it then is that it is
// there, in full.
func (f *File) read(p *page, no uint32) error {
	p.no, p.big = no, f.meta.big
	if no == 0 || no > f.meta.last {
		return p.damaged("there is no such page; the last is %d", f.meta.last)
	}
	if f.reads--; f.reads < 0 {
		return p.damaged("every page has been read several times")
	}
	if len(p.b) != f.meta.pageSize {
		p.b = make([]byte, f.meta.pageSize)
	}
	n, err := f.r.ReadAt(p.b, int64(no)*int64(f.meta.pageSize))
	if n == len(p.b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return p.damaged("the file ends before it")
	}
	return fmt.Errorf("page %d: %w", no, err)
}

// allow begins a call.
func (f *File) allow() { f.reads = 4*int64(f.meta.last) + 16 }

// readLinked reads page no and checks it.
func (f *File) readLinked(p *page, no, prev uint32, kind, other byte) error {
	if err := f.read(p, no); err != nil {
		return err
	}
	return p.check(prev, kind, other)
}

// check looks whether the page says that it is the one that was read, of the
// type that is wanted or of the alternative, and behind prev. A chain that
// begins behind page 0 has no loops then: one page would have to be behind two.
func (p *page) check(prev uint32, kind, other byte) error {
	switch {
	case p.number() != p.no:
		return p.damaged("its number is %d", p.number())
	case p.kind() != kind && p.kind() != other:
		return p.damaged("type %d, expected %d", p.kind(), kind)
	case p.prev() != prev:
		return p.damaged("the page before it is %d, expected %d", p.prev(), prev)
	}
	return nil
}

// Load reads the meta page again, and forgets everything else. If it fails, then so do Get and Next, until
// Load has succeeded.
func (f *File) Load() error {
	f.forget()
	n, err := f.r.ReadAt(f.fresh[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		f.loaded = false
		return err
	}
	if f.loaded && n == headSize && f.fresh == f.head {
		return nil
	}
	f.loaded = false
	if n == 0 {
		return &FormatError{Text: "the file is empty", Alien: true}
	}
	if n < headSize {
		return &FormatError{Text: "the file is shorter than a page", Alien: true}
	}
	f.meta, err = parseMeta(f.fresh[:], f.method)
	if err != nil {
		return err
	}
	size, err := f.r.Size()
	if err != nil {
		return err
	}
	if need := (int64(f.meta.last) + 1) * int64(f.meta.pageSize); size < need {
		return &FormatError{Text: fmt.Sprintf("the file is cut off: it has %d bytes of %d", size, need)}
	}
	if size%int64(f.meta.pageSize) != 0 {
		return &FormatError{Text: "file size not a multiple of the pagesize", Alien: true}
	}
	f.head, f.loaded = f.fresh, true
	return nil
}

// ID is what tells this database from others, and from the one that was in the
// file before it was made anew.
func (f *File) ID() [20]byte { return f.meta.id }

var errNotLoaded = errors.New("the file has not been loaded")

// Get returns the value of key, which is compared byte by byte: a null byte at
// its end is a part of it.
func (f *File) Get(key []byte) (value []byte, ok bool, err error) {
	f.allow()
	switch {
	case !f.loaded:
		return nil, false, errNotLoaded
	case f.method == Hash:
		return f.hashGet(key)
	default:
		return f.btreeGet(key)
	}
}

// Cursor is a place in a file: behind a key, whether that is still there or
// not. The zero Cursor is in front of the first.
type Cursor struct {
	moved  bool
	bucket uint32
	key    []byte
}

// Reset puts c in front of the first key, and Set puts it where from is.
func (c *Cursor) Reset() { c.Set(&Cursor{}) }

func (c *Cursor) Set(from *Cursor) {
	c.moved, c.bucket, c.key = from.moved, from.bucket, append(c.key[:0], from.key...)
}

// Next moves c behind the next key, and returns it with its value. A key that
// is there all the time is returned once; one that comes or goes meanwhile, at
// most once. The exception is a hash that grows: a bucket's keys that move to
// a new one at the end are seen there again.
func (f *File) Next(c *Cursor) (key, value []byte, ok bool, err error) {
	if !f.loaded {
		return nil, nil, false, errNotLoaded
	}
	f.allow()
	next := f.btreeNext
	if f.method == Hash {
		next = f.hashNext
	}
	value, ok, err = next(c)
	if !ok || err != nil {
		return nil, nil, false, err
	}
	c.moved = true
	c.key = append(c.key[:0], f.best...)
	return f.best, value, true, nil
}
