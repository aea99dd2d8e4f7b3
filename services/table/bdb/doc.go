// SPDX-License-Identifier: ISC

// Package bdb reads the files of Berkeley DB's access methods hash (versions 7
// to 9) and btree (8 and 9), as Postfix writes them with hash: and btree:
// tables: one database to a file, one value to a key.
//
// Either byte order and every legal page size will do. Keys and values may
// have pages of their own. What Postfix never writes is refused: duplicate
// keys, several databases in a file, encryption, checksums, partitions,
// compression, a hash function or an order of the application's own.
//
// # Order
//
// Load reads the first page, which says where everything is; it is called
// whenever the file may have changed, and costs little if it has not. Get and
// Next read what they need from the file; of what they have read, they keep a few
// of a btree's inner pages until Load is called again. So whoever sees to it that
// nothing is written from Load on until the last Get, or that it is noticed, gets
// answers out of one state of the file.
//
// # Ownership
//
// A File belongs to one goroutine. What Get and Next return is part of the
// File, and good until the next call.
//
// # Failures
//
// Load says what is wrong with the file as a whole, Get and Next what they
// found on their way: see FormatError and DamageError. Pages know their number,
// their kind, and in chains what was before them; all of that is checked. So
// a file that is cut off, or being written, is an error and not an answer. No
// call reads more than a few times the number of pages that the file has, or
// needs more memory than its size. Berkeley DB has no checksums here, however: a key that was
// damaged is a key that is not found.
//
// # Limits
//
// It does not write, and does not lock: locks are the caller's.
//
// # Format
//
// A file is an array of pages. Integers are in the byte order of the machine
// that wrote it; the magic number shows which. Page 0 is the meta page:
//
//	12  magic            16  version          20  page size
//	24  cipher (byte)    25  type (byte)      26  flags of the page (byte)
//	32  last page        36  partitions       48  flags of the database
//	52  20 bytes that are of this file only
//
//	hash:  72 highest bucket, 76 mask, 80 mask of half the size,
//	       92 hash of a constant text, 96 spares: 32 numbers
//	btree: 88 root page
//
// All others begin with 26 bytes:
//
//	 8  number of the page          12  previous page     16  next page
//	20  number of items (2 bytes)   22  start of the items, or length (2 bytes)
//	24  level (byte)                25  type (byte)
//
// and go on with the offsets of their items, 2 bytes each. A key and its value
// are two items, one after the other. The first byte of an item of hash is its
// type, and it ends where the one before it begins. An item of btree is 2 bytes
// of length and one of type, then data. An item with pages of its own has the
// first page's number at 4 and its length at 8, and its pages are chained.
//
// A bucket of hash is a chain of pages. Those of the buckets between two powers
// of two lie side by side, as many pages away from their bucket's number as
// spares says. A page that was never written, all zero, is an empty bucket.
package bdb
