// SPDX-License-Identifier: ISC

package lmdb

import (
	"unsafe"

	"postloop/services/table/worker/clib"
)

// library is LMDB, version 0.9.
type library struct {
	create, size, open, close, info clib.Func // of an environment
	begin, commit, abort            clib.Func
	database                        clib.Func
	get, put, del                   clib.Func
	cursor, cursorGet, cursorClose  clib.Func
	strerror                        clib.Func
}

// Figures of lmdb.h.
const (
	noSubdir  = 0x4000   // MDB_NOSUBDIR
	noLock    = 0x400000 // MDB_NOLOCK
	readOnly  = 0x20000  // MDB_RDONLY
	noReplace = 0x10     // MDB_NOOVERWRITE

	first    = 0  // MDB_FIRST
	next     = 8  // MDB_NEXT
	setRange = 17 // MDB_SET_RANGE

	exists   = -30799 // MDB_KEYEXIST
	notFound = -30798 // MDB_NOTFOUND
	mapFull  = -30792 // MDB_MAP_FULL
	resized  = -30785 // MDB_MAP_RESIZED

	mainDatabase = 1
	maxKey       = 511
)

// val is MDB_val: a key, or a value.
type val struct {
	size uintptr
	data unsafe.Pointer
}

// info is MDB_envinfo.
type info struct {
	_                   unsafe.Pointer
	size                uintptr // of the map
	lastPage, lastTxn   uintptr
	maxReaders, readers uint32
}

func loadLibrary() (*library, error) {
	from, err := clib.Open("liblmdb0", "liblmdb.so.0", "liblmdb.so")
	if err != nil {
		return nil, err
	}
	l := &library{
		create: from.Func("mdb_env_create"), size: from.Func("mdb_env_set_mapsize"), open: from.Func("mdb_env_open"),
		close: from.Func("mdb_env_close"), info: from.Func("mdb_env_info"),
		begin: from.Func("mdb_txn_begin"), commit: from.Func("mdb_txn_commit"), abort: from.Func("mdb_txn_abort"),
		database: from.Func("mdb_dbi_open"), get: from.Func("mdb_get"), put: from.Func("mdb_put"), del: from.Func("mdb_del"),
		cursor: from.Func("mdb_cursor_open"), cursorGet: from.Func("mdb_cursor_get"), cursorClose: from.Func("mdb_cursor_close"),
		strerror: from.Func("mdb_strerror"),
	}
	return l, from.Err()
}

// result is what a function has returned, as an error.
func (l *library) result(r uintptr) error { return l.strerror.Result(r) }
