// SPDX-License-Identifier: ISC

package berkeley

import (
	"fmt"
	"unsafe"

	"postloop/services/table/worker/clib"
)

// library is Berkeley DB 5.3.
type library struct {
	envCreate, envCache, envErrors, envOpen, envClose clib.Func
	create, open, close, sync                         clib.Func
	put, get, del                                     clib.Func
	cursor, cursorGet, cursorClose                    clib.Func
	strerror                                          clib.Func
}

// Figures of db.h, version 5.3.
const (
	dbCreate    = 0x1     // DB_CREATE
	dbPool      = 0x400   // DB_INIT_MPOOL
	dbPrivate   = 0x10000 // DB_PRIVATE
	dbNoSync    = 0x1     // DB_NOSYNC
	dbNoReplace = 20      // DB_NOOVERWRITE

	dbFirst = 7  // DB_FIRST
	dbNext  = 16 // DB_NEXT
	dbSet   = 26 // DB_SET
	dbRange = 27 // DB_SET_RANGE

	dbExists   = -30994 // DB_KEYEXIST
	dbNotFound = -30988 // DB_NOTFOUND
)

// dbt is what the library calls so: a key, or a value.
type dbt struct {
	data             unsafe.Pointer
	size             uint32
	ulen, dlen, doff uint32
	_                unsafe.Pointer
	flags            uint32
}

// loadLibrary loads the library, which must be of the right version.
func loadLibrary() (*library, error) {
	from, err := clib.Open("libdb5.3", "libdb-5.3.so")
	if err != nil {
		return nil, err
	}
	l := &library{
		envCreate: from.Func("db_env_create"), envCache: from.Func("__memp_set_cachesize"), envErrors: from.Func("__env_set_errcall"),
		envOpen: from.Func("__env_open_pp"), envClose: from.Func("__env_close_pp"),
		create: from.Func("db_create"), open: from.Func("__db_open_pp"), close: from.Func("__db_close_pp"), sync: from.Func("__db_sync_pp"),
		put: from.Func("__db_put_pp"), get: from.Func("__db_get_pp"), del: from.Func("__db_del_pp"),
		cursor: from.Func("__db_cursor_pp"), cursorGet: from.Func("__dbc_get_pp"), cursorClose: from.Func("__dbc_close_pp"),
		strerror: from.Func("db_strerror"),
	}
	version := from.Func("db_version")
	if err := from.Err(); err != nil {
		return nil, err
	}
	var m clib.Memory
	defer m.Unpin()
	n := new([3]int32)
	at := m.At(n, unsafe.Pointer(n))
	version.Call(at, at+4, at+8)
	if n[0] != 5 || n[1] != 3 {
		return nil, fmt.Errorf("incorrect version of Berkeley DB: made for 5.3, run-time linked against %d.%d.%d", n[0], n[1], n[2])
	}
	return l, nil
}

// result is what a function has returned, as an error.
func (l *library) result(r uintptr) error { return l.strerror.Result(r) }
