// SPDX-License-Identifier: ISC

// Package lmdb reads the main database of LMDB files.
//
// A file is pages of one size, that of the memory of the machine it was made
// on. The first two are meta pages, written in turn, each with the number of
// the transaction that wrote it: the higher number counts. It names the root of
// a B+ tree of branch and leaf pages. A value that does not fit into a leaf has
// pages of its own, one behind the other.
//
// A writer never touches a page of the tree that counts, nor of the one before:
// it writes free pages, and then a meta page. So a reader sees one state of the
// database for as long as no two transactions end meanwhile.
//
// # Order
//
// Begin, any number of Get and After, End. What was read between is true only
// if End says so. Who has to keep writers out, with a lock, does that around it
// all; a writer that does not care about locks is found out by End.
//
// # Ownership
//
// Files are read with pread, not mapped into memory, as LMDB has it: one that is
// cut off is an error, not the end of the process. What methods return is valid
// until the next call.
//
// # Failures
//
// Errors have LMDB's own texts. ErrChanged is none of the file's: try again.
// Pages carry no sums, but their numbers, kinds and sizes must fit, and their
// keys must lie between those of the page above. No file makes a call panic,
// read more pages than the tree is high and a value is long, or take more memory
// than MaxValue.
//
// # Limits
//
// Files of 64-bit machines of this machine's byte order. Named databases are
// passed over. Several values of one key (MDB_DUPSORT) are refused, as are keys
// in another order than that of their bytes.
//
// # See also
//
// slmdb(3), http://www.lmdb.tech/doc/
package lmdb
