// SPDX-License-Identifier: ISC

package berkeley

import (
	"path/filepath"
	"unsafe"

	"postloop/services/table/worker/clib"
)

// handle is an open database.
type handle struct {
	l       *library
	method  uintptr
	env, db uintptr
	cursor  uintptr // 0: none
	at      string  // the key that it is on
}

// Access methods, by their numbers in db.h.
const (
	btree = 1
	hash  = 2
)

// options are how a database is opened.
type options struct {
	path   string
	method uintptr
	cache  int
	create bool
	errors clib.Func // is told what the library has to say
}

// open opens a database.
func (l *library) openHandle(o options) (h *handle, err error) {
	h = &handle{l: l, method: o.method}
	var m clib.Memory
	defer m.Unpin()
	out := new(uintptr)
	at := m.At(out, unsafe.Pointer(out))
	if err := l.result(l.envCreate.Call(at, 0)); err != nil {
		return nil, err
	}
	h.env = *out
	defer func() {
		if err != nil {
			_ = h.close(false)
		}
	}()
	l.envErrors.Call(h.env, uintptr(o.errors))
	if err := l.result(l.envCache.Call(h.env, 0, uintptr(o.cache), 0)); err != nil {
		return nil, err
	}
	// The directory may have a DB_CONFIG, which the library reads.
	if err := l.result(l.envOpen.Call(h.env, m.Text(filepath.Dir(o.path)), dbCreate|dbPool|dbPrivate, 0)); err != nil {
		return nil, err
	}
	if err := l.result(l.create.Call(at, h.env, 0)); err != nil {
		return nil, err
	}
	h.db = *out
	var how uintptr
	if o.create {
		how = dbCreate
	}
	return h, l.result(l.open.Call(h.db, 0, m.Text(o.path), 0, o.method, how, 0o644))
}

// close closes the database. What is in memory only is written if save says so.
func (h *handle) close(save bool) error {
	h.leave()
	var how uintptr
	if !save {
		how = dbNoSync
	}
	var err error
	if h.db != 0 {
		err = h.l.result(h.l.close.Call(h.db, how))
	}
	if e := h.l.result(h.l.envClose.Call(h.env, 0)); err == nil {
		err = e
	}
	return err
}

// leave closes the cursor.
func (h *handle) leave() {
	if h.cursor != 0 {
		h.l.cursorClose.Call(h.cursor)
		h.cursor = 0
	}
}

// entry makes of b what the library takes.
func entry(m *clib.Memory, b []byte) (*dbt, uintptr) {
	d := &dbt{data: m.Bytes(b), size: uint32(len(b))}
	return d, m.At(d, unsafe.Pointer(d))
}

// taken is what the library has put there.
func (d *dbt) taken() []byte { return clib.Copy(d.data, d.size) }

func (h *handle) get(key []byte) ([]byte, error) {
	var m clib.Memory
	defer m.Unpin()
	_, k := entry(&m, key)
	value, v := entry(&m, nil)
	if err := h.l.result(h.l.get.Call(h.db, 0, k, v, 0)); err != nil {
		return nil, err
	}
	return value.taken(), nil
}

func (h *handle) put(key, value []byte, how uintptr) error {
	var m clib.Memory
	defer m.Unpin()
	_, k := entry(&m, key)
	_, v := entry(&m, value)
	return h.l.result(h.l.put.Call(h.db, 0, k, v, how))
}

func (h *handle) del(key []byte) error {
	var m clib.Memory
	defer m.Unpin()
	_, k := entry(&m, key)
	return h.l.result(h.l.del.Call(h.db, 0, k, 0))
}

func (h *handle) sync() error { return h.l.result(h.l.sync.Call(h.db, 0)) }

// move moves the cursor, to key where how needs one.
func (h *handle) move(how uintptr, key []byte) (k, v []byte, err error) {
	var m clib.Memory
	defer m.Unpin()
	if h.cursor == 0 {
		out := new(uintptr)
		if err := h.l.result(h.l.cursor.Call(h.db, 0, m.At(out, unsafe.Pointer(out)), 0)); err != nil {
			return nil, nil, err
		}
		h.cursor = *out
	}
	kd, ka := entry(&m, key)
	vd, va := entry(&m, nil)
	if err := h.l.result(h.l.cursorGet.Call(h.cursor, ka, va, how)); err != nil {
		return nil, nil, err
	}
	return kd.taken(), vd.taken(), nil
}

// next returns the first pair, or the one behind last. resume is a key that stood
// there when the place of last was still known.
//
// In a btree each call finds its place anew: an entry that is deleted while a
// cursor is on it is only marked so, and may stay.
func (h *handle) next(first bool, last, resume string) (key, value []byte, err error) {
	if h.method == btree {
		defer h.leave()
	}
	switch {
	case first:
		key, value, err = h.move(dbFirst, nil)
	case h.cursor != 0 && h.at == last:
		key, value, err = h.move(dbNext, nil)
	case h.method == btree:
		key, value, err = h.move(dbRange, []byte(last))
		if err == nil && string(key) == last {
			key, value, err = h.move(dbNext, nil)
		}
	default:
		// The keys of a hash have no order: if this one is gone, so is its place.
		if _, _, err = h.move(dbSet, []byte(last)); err == nil {
			key, value, err = h.move(dbNext, nil)
		} else if clib.Is(err, dbNotFound) && resume != "" {
			_, value, err = h.move(dbSet, []byte(resume))
			key = []byte(resume)
		}
	}
	if err == nil {
		h.at = string(key)
	}
	return key, value, err
}
