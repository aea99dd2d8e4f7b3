// SPDX-License-Identifier: ISC

// Package lmdb is what an lmdb: table that can be written is made of: the library
// that Postfix uses for it, loaded at run time.
//
// The library is told to do without locks of its own. While one request is done,
// the file is locked as a whole with fcntl(2), as Postfix locks it: shared to read,
// exclusively to write. Each request is a transaction, which sees what is there
// then, and is on the disk when it has ended.
//
// # See also
//
// services/table/lmdb, which reads these files without the library.
package lmdb
