// SPDX-License-Identifier: ISC

// Package cdb reads constant databases in the format of D. J. Bernstein.
//
// A file is 256 pairs of numbers, each the place and the size of a hash table;
// then the records; then the tables. Number h modulo 256 of a key's hash h
// chooses the table, the rest where in it to begin. A writer makes a new file
// and renames it, so what is open never changes, and needs no lock.
//
// # Failures
//
// ErrDamaged is what a file says that cannot be. A damaged file may hide keys;
// it never makes a look-up long, nor gives one key's value to another.
//
// # Limits
//
// Values above MaxValue are not returned.
//
// # See also
//
// https://cr.yp.to/cdb/cdb.txt
package cdb

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

const (
	headSize   = 2048 // the pairs at the front, before the first record
	recordHead = 8    // length of the key, length of the value
	slotSize   = 8    // hash, place of the record
)

// MaxValue is the longest value that Get and Next return.
const MaxValue = 64 << 20

// No writer's hash table makes a look-up pass as much: half of the slots are
// empty. The bounds are for files that no writer has made.
const (
	maxSlots   = 1 << 18 // slots passed in one look-up
	maxRecords = 1 << 10 // records of the same hash, and of another key
)

const (
	guess = 256      // bytes of value that are read together with the key
	keep  = 64 << 10 // the largest buffer that outlives its use
)

// ErrDamaged is a file that is no cdb, or is not whole.
var ErrDamaged = errors.New("damaged cdb file")

// ErrValue is a value above MaxValue.
var ErrValue = errors.New("value too long")

// Reader looks keys up in one file.
type Reader struct {
	r      io.ReaderAt
	end    int64 // of the records
	tables [256]table
	slots  []byte // those of the look-up at hand
	record []byte // its record
}

type table struct {
	at    int64
	slots uint32
}

// New returns a reader of the file r of that size. It does not close r.
func New(r io.ReaderAt, size int64) (*Reader, error) {
	if size < headSize || size > math.MaxUint32 {
		return nil, ErrDamaged
	}
	head := make([]byte, headSize)
	if err := readAt(r, head, 0); err != nil {
		return nil, err
	}
	d := &Reader{r: r, end: size, slots: make([]byte, 16*slotSize)}
	records := false
	for i := range d.tables {
		at, n := numbers(head[8*i:])
		if n == 0 {
			continue // writers differ in what they say of its place
		}
		t := table{int64(at), n}
		if t.at < headSize || t.at+int64(n)*slotSize > size {
			return nil, ErrDamaged
		}
		d.tables[i] = t
		d.end = min(d.end, t.at)
		records = true
	}
	if !records {
		d.end = headSize
	}
	return d, nil
}

// Get returns the value of key, the first if there are several. It may be
// empty. It is valid until the next call.
func (d *Reader) Get(key []byte) (value []byte, ok bool, err error) {
	h := hash(key)
	t := &d.tables[h%256]
	if t.slots == 0 {
		return nil, false, nil
	}
	at, records := h/256%t.slots, 0
	room := uint32(16) // most look-ups end within a few slots
	for passed := uint32(0); passed < t.slots; {
		n := min(room, t.slots-at, t.slots-passed)
		slots := grow(&d.slots, int(n)*slotSize)
		if err := readAt(d.r, slots, t.at+int64(at)*slotSize); err != nil {
			return nil, false, err
		}
		for ; len(slots) > 0; slots = slots[slotSize:] {
			hash, place := numbers(slots)
			if place == 0 {
				return nil, false, nil
			}
			if hash != h {
				continue
			}
			if value, ok, err = d.match(int64(place), key); ok || err != nil {
				return value, ok, err
			}
			if records++; records > maxRecords {
				return nil, false, ErrDamaged
			}
		}
		if passed += n; passed > maxSlots {
			return nil, false, ErrDamaged
		}
		if at += n; at == t.slots {
			at = 0
		}
		room = min(2*room, 512)
	}
	return nil, false, nil
}

// match returns the value of the record at that place if its key is key.
func (d *Reader) match(at int64, key []byte) (value []byte, ok bool, err error) {
	klen, vlen, err := d.lengths(at, len(key)+guess)
	if err != nil || int64(len(key)) != klen {
		return nil, false, err
	}
	if string(d.record[recordHead:recordHead+klen]) != string(key) {
		return nil, false, nil
	}
	value, err = d.rest(at, klen, vlen)
	return value, err == nil, err
}

// Next returns the record at a place, and the place of the next one. Place 0
// is that of the first. ok is false at the end. Key and value are valid until
// the next call.
func (d *Reader) Next(place int64) (key, value []byte, next int64, ok bool, err error) {
	at := max(place, headSize)
	if at >= d.end {
		return nil, nil, at, false, nil
	}
	klen, vlen, err := d.lengths(at, guess)
	if err != nil {
		return nil, nil, at, false, err
	}
	if klen > MaxValue {
		return nil, nil, at, false, ErrValue
	}
	if int64(len(d.record)) < recordHead+klen {
		if err := readAt(d.r, grow(&d.record, int(recordHead+klen)), at); err != nil {
			return nil, nil, at, false, err
		}
	}
	if value, err = d.rest(at, klen, vlen); err != nil {
		return nil, nil, at, false, err
	}
	return d.record[recordHead : recordHead+klen], value, at + recordHead + klen + vlen, true, nil
}

// lengths reads the beginning of the record at a place, as many bytes behind
// its head as are asked for and there, into d.record.
func (d *Reader) lengths(at int64, more int) (klen, vlen int64, err error) {
	if at < headSize || at > d.end-recordHead {
		return 0, 0, ErrDamaged
	}
	b := grow(&d.record, int(min(recordHead+int64(more), d.end-at)))
	if err := readAt(d.r, b, at); err != nil {
		return 0, 0, err
	}
	k, v := numbers(b)
	klen, vlen = int64(k), int64(v)
	if klen+vlen > d.end-at-recordHead {
		return 0, 0, ErrDamaged
	}
	return klen, vlen, nil
}

// rest returns the value of the record whose key, at least, is in d.record,
// and leaves the key there.
func (d *Reader) rest(at, klen, vlen int64) ([]byte, error) {
	from := recordHead + klen
	if vlen > MaxValue {
		return nil, ErrValue
	}
	if int64(len(d.record)) < from+vlen {
		if err := readAt(d.r, grow(&d.record, int(from+vlen)), at); err != nil {
			return nil, err
		}
	}
	return d.record[from : from+vlen], nil
}

// grow makes *b n bytes long, without keeping what is in it.
func grow(b *[]byte, n int) []byte {
	if n > cap(*b) || cap(*b) > keep && n <= keep {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return *b
}

// readAt fills b. A file that is too short has been cut off.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return ErrDamaged
	}
	return err
}

func numbers(b []byte) (first, second uint32) {
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

func hash(key []byte) uint32 {
	h := uint32(5381)
	for _, c := range key {
		h = h*33 ^ uint32(c)
	}
	return h
}
