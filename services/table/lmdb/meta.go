// SPDX-License-Identifier: ISC

package lmdb

import (
	"encoding/binary"
	"errors"
	"io"
)

// Places in a meta page, of which only the first 152 bytes are used: those of
// the page's head, of the numbers in front, of the database of free pages, of
// the main database, and of the end.
const (
	metaMagic   = 16
	metaVersion = 20
	metaPage    = 40 // the size of a page
	metaFlags   = 92
	metaDepth   = 94
	metaRoot    = 128
	metaLast    = 136
	metaTxn     = 144
	metaSize    = 152
)

const (
	magic   = 0xbeefc0de
	version = 1

	minPage   = 256
	maxPage   = 32768
	smallPage = 4096 // that it costs little to read for nothing

	none = ^uint64(0) // the root of an empty tree

	// What a database may be beside a plain one. MDB_REVERSEKEY, MDB_DUPSORT,
	// MDB_INTEGERKEY, MDB_DUPFIXED, MDB_INTEGERDUP, MDB_REVERSEDUP.
	otherKinds = 0x7e
)

// native is how LMDB stores numbers: as the machine does.
var native = binary.NativeEndian

// The errors of LMDB, with its texts.
var (
	ErrInvalid      = errors.New("MDB_INVALID: File is not an LMDB file")
	ErrVersion      = errors.New("MDB_VERSION_MISMATCH: Database environment version mismatch")
	ErrIncompatible = errors.New("MDB_INCOMPATIBLE: Operation and DB incompatible, or DB flags changed")
	ErrPage         = errors.New("MDB_PAGE_NOTFOUND: Requested page not found")
	ErrCorrupted    = errors.New("MDB_CORRUPTED: Located page was wrong type")
)

// ErrChanged says that transactions have ended since Begin.
var ErrChanged = errors.New("database has changed while it was read")

// ErrValue is a value above MaxValue.
var ErrValue = errors.New("value too long")

// Reader reads one file.
type Reader struct {
	r io.ReaderAt

	metas [2 * metaSize]byte // as Begin has found them
	again [2 * metaSize]byte // as End does
	head  [smallPage + metaSize]byte

	page  int    // size
	depth int    // of the tree
	root  uint64 // number of a page, as is
	last  uint64 // the last page of the file

	levels [maxDepth]level // from the root down to the leaf looked at
	value  []byte          // one with pages of its own, with the head of the first
}

// New returns a reader of the file r. It does not close r.
func New(r io.ReaderAt) *Reader { return &Reader{r: r} }

// Begin finds the state of the database that the next calls will see.
func (d *Reader) Begin() error {
	for i := range d.levels {
		d.levels[i].number = none // whatever is held was read before
	}
	if err := d.readMetas(&d.metas); err != nil {
		return err
	}
	a, b := d.metas[:metaSize], d.metas[metaSize:]
	m := a
	if native.Uint64(b[metaTxn:]) > native.Uint64(a[metaTxn:]) {
		m = b
	}
	if native.Uint16(m[metaFlags:])&otherKinds != 0 {
		return ErrIncompatible
	}
	d.depth = int(native.Uint16(m[metaDepth:]))
	d.root = native.Uint64(m[metaRoot:])
	d.last = native.Uint64(m[metaLast:])
	if d.depth > maxDepth || (d.depth == 0) != (d.root == none) {
		return ErrCorrupted
	}
	return nil
}

// End says whether what was read since Begin is one state of the database.
func (d *Reader) End() error {
	if err := d.readMetas(&d.again); err != nil {
		return err
	}
	if d.again != d.metas {
		return ErrChanged
	}
	return nil
}

// readMetas reads both meta pages, and the size of a page from the first: with
// one call of the system, if that is what it was before, and small.
func (d *Reader) readMetas(metas *[2 * metaSize]byte) error {
	a, b := metas[:metaSize], metas[metaSize:]
	size := d.page
	both := size > 0 && size <= smallPage && readAt(d.r, d.head[:size+metaSize], 0) == nil
	if both {
		copy(a, d.head[:])
		copy(b, d.head[size:])
	} else if err := readMeta(d.r, a, 0); err != nil {
		return err
	}
	if err := checkMeta(a); err != nil {
		return err
	}
	d.page = int(min(native.Uint32(a[metaPage:]), maxPage+1)) // on any machine
	if d.page < minPage || d.page > maxPage || d.page&(d.page-1) != 0 {
		return ErrInvalid
	}
	if !both || d.page != size {
		if err := readMeta(d.r, b, int64(d.page)); err != nil {
			return err
		}
	}
	return checkMeta(b)
}

func readMeta(r io.ReaderAt, m []byte, at int64) error {
	err := readAt(r, m, at)
	if errors.Is(err, ErrPage) {
		return ErrInvalid
	}
	return err
}

func checkMeta(m []byte) error {
	switch {
	case native.Uint16(m[pageFlags:])&flagsKind != flagMeta || native.Uint32(m[metaMagic:]) != magic:
		return ErrInvalid
	case native.Uint32(m[metaVersion:]) != version:
		return ErrVersion
	}
	return nil
}

// readAt fills b. What lies behind the end of the file was never written, or
// has been cut off.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return ErrPage
	}
	return err
}
