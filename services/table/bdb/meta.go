// SPDX-License-Identifier: ISC

package bdb

import (
	"fmt"
	"math/bits"
)

// headSize is as much as has to be read of a meta page: the smallest page.
const headSize = 512

const maxPageSize = 64 << 10

const (
	magicHash  = 0x061561
	magicBtree = 0x053162
)

// meta is what the meta page says.
type meta struct {
	big      bool
	pageSize int
	last     uint32 // page
	id       [20]byte

	// of hash
	maxBucket, highMask, lowMask uint32
	spares                       [32]uint32

	// of btree
	root uint32
}

// parseMeta reads the beginning of a meta page.
func parseMeta(head []byte, want Method) (meta, error) {
	p := page{b: head}
	m, method, err := parseMagic(&p)
	if err != nil {
		return m, err
	}
	if method != want {
		return m, &FormatError{Text: fmt.Sprintf("unexpected file type or format: it is of type %s", method), Alien: true}
	}
	if err := checkVersion(p.u32(16), method); err != nil {
		return m, err
	}
	m.pageSize = int(p.u32(20))
	m.last = p.u32(32)
	copy(m.id[:], head[52:72])
	switch {
	case m.pageSize < headSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0:
		return m, &FormatError{Text: fmt.Sprintf("page size %d is not legal", p.u32(20)), Alien: true}
	case p.number() != 0:
		return m, &FormatError{Text: "page 0 has another number", Alien: true}
	case method == Hash && p.kind() != pageHashMeta, method == Btree && p.kind() != pageBtreeMeta:
		return m, &FormatError{Text: fmt.Sprintf("page 0 has type %d", p.kind()), Alien: true}
	case p.b[24] != 0:
		return m, &FormatError{Text: "encrypted files are not supported"}
	case p.b[26]&1 != 0:
		return m, &FormatError{Text: "checksums are not supported"}
	case p.b[26] != 0 || p.u32(36) != 0:
		return m, &FormatError{Text: "partitions are not supported"}
	case m.last == 0:
		return m, &FormatError{Text: "there is no page but the first", Alien: true}
	}
	if method == Hash {
		return m, m.parseHash(&p)
	}
	return m, m.parseBtree(&p)
}

// parseMagic finds out method and byte order.
func parseMagic(p *page) (meta, Method, error) {
	for _, p.big = range []bool{false, true} {
		switch p.u32(12) {
		case magicHash:
			return meta{big: p.big}, Hash, nil
		case magicBtree:
			return meta{big: p.big}, Btree, nil
		}
	}
	return meta{}, "", &FormatError{Text: "unexpected file type or format", Alien: true}
}

// checkVersion allows what Berkeley DB 5.3 reads without an upgrade.
func checkVersion(v uint32, m Method) error {
	oldest := uint32(7)
	if m == Btree {
		oldest = 8
	}
	switch {
	case v < oldest:
		return &FormatError{Text: fmt.Sprintf("%s version %d requires a version upgrade", m, v)}
	case v > 9:
		return &FormatError{Text: fmt.Sprintf("unsupported %s version: %d", m, v)}
	}
	return nil
}

// Flags of a database of hash, and of btree.
const (
	hashDup      = 1 << 0
	hashSubDB    = 1 << 1
	hashDupSort  = 1 << 2
	btreeDup     = 1 << 0
	btreeRecno   = 1 << 1
	btreeRecnum  = 1 << 2 // items are counted: nothing to us
	btreeSubDB   = 1 << 5
	btreeDupSort = 1 << 6
)

func (m *meta) parseHash(p *page) error {
	switch flags := p.u32(48); {
	case flags&(hashDup|hashDupSort) != 0:
		return &FormatError{Text: "duplicate keys are not supported"}
	case flags&hashSubDB != 0:
		return &FormatError{Text: "several databases in one file are not supported"}
	case flags != 0:
		return &FormatError{Text: fmt.Sprintf("flags 0x%x are not supported", flags)}
	}
	if p.u32(92) != hash(charKey) {
		return &FormatError{Text: "it has a hash function of its own"}
	}
	m.maxBucket, m.highMask, m.lowMask = p.u32(72), p.u32(76), p.u32(80)
	// highMask is the smallest 2^n-1 that is not below maxBucket, or the one
	// above it. Every bucket has a page.
	if m.highMask&(m.highMask+1) != 0 || m.lowMask != m.highMask>>1 ||
		m.maxBucket > m.highMask || m.maxBucket < m.lowMask || m.maxBucket >= m.last || m.maxBucket>>31 != 0 {
		return &FormatError{Text: fmt.Sprintf("buckets up to %d do not fit masks 0x%x and 0x%x", m.maxBucket, m.highMask, m.lowMask), Alien: true}
	}
	for i := range m.spares {
		m.spares[i] = p.u32(96 + 4*i)
	}
	return nil
}

func (m *meta) parseBtree(p *page) error {
	switch flags := p.u32(48); {
	case flags&(btreeDup|btreeDupSort) != 0:
		return &FormatError{Text: "duplicate keys are not supported"}
	case flags&btreeRecno != 0:
		return &FormatError{Text: "unexpected file type or format: it is of type recno", Alien: true}
	case flags&btreeSubDB != 0:
		return &FormatError{Text: "several databases in one file are not supported"}
	case flags&^btreeRecnum != 0:
		return &FormatError{Text: fmt.Sprintf("flags 0x%x are not supported", flags)}
	}
	m.root = p.u32(88)
	return nil
}

// bucket is where the keys with a hash are.
func (m *meta) bucket(hash uint32) uint32 {
	if b := hash & m.highMask; b <= m.maxBucket {
		return b
	}
	return hash & m.lowMask
}

// bucketPage is the first page of a bucket. It is not checked.
func (m *meta) bucketPage(bucket uint32) uint32 {
	return bucket + m.spares[bits.Len32(bucket)]
}

// charKey is what the hash function is known by.
var charKey = []byte("%$sniglet^&\x00")

// hash is FNV-1 with a start of 0.
func hash(key []byte) uint32 {
	h := uint32(0)
	for _, c := range key {
		h = h*16777619 ^ uint32(c)
	}
	return h
}
