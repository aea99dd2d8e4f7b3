// SPDX-License-Identifier: ISC

package lmdb

import (
	"fmt"
	"unsafe"

	"postloop/services/table/worker/clib"
)

// environment is an open file.
type environment struct {
	l  *library
	at uintptr
}

// openEnvironment opens a file, which has room for size bytes at first.
func (l *library) openEnvironment(path string, size int64) (*environment, error) {
	var m clib.Memory
	defer m.Unpin()
	out := new(uintptr)
	if err := l.result(l.create.Call(m.At(out, unsafe.Pointer(out)))); err != nil {
		return nil, err
	}
	e := &environment{l, *out}
	err := l.result(l.size.Call(e.at, uintptr(size)))
	if err == nil {
		err = l.result(l.open.Call(e.at, m.Text(path), noSubdir|noLock, 0o644))
	}
	if err == nil {
		// This is how the library learns in which order the keys are.
		err = e.transaction(false, func(t *transaction) error {
			dbi := new(uint32)
			return l.result(l.database.Call(t.at, 0, 0, t.m.At(dbi, unsafe.Pointer(dbi))))
		})
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *environment) close() { e.l.close.Call(e.at) }

// grow doubles the room.
func (e *environment) grow() error {
	var m clib.Memory
	defer m.Unpin()
	n := new(info)
	if err := e.l.result(e.l.info.Call(e.at, m.At(n, unsafe.Pointer(n)))); err != nil {
		return err
	}
	if n.size > maxSize/2 {
		return fmt.Errorf("it has room for %d bytes, and is full", n.size)
	}
	return e.l.result(e.l.size.Call(e.at, 2*n.size))
}

// transaction is a transaction, with what is in memory while it goes on.
type transaction struct {
	l  *library
	at uintptr
	m  clib.Memory
}

// transaction has f work in a transaction, which is committed if f returns nil.
// There may be more than one until the room suffices.
func (e *environment) transaction(writes bool, f func(t *transaction) error) error {
	for {
		err := e.once(writes, f)
		switch {
		case clib.Is(err, mapFull):
			err = e.grow()
		case clib.Is(err, resized): // by somebody else
			err = e.l.result(e.l.size.Call(e.at, 0))
		default:
			return err
		}
		if err != nil {
			return err
		}
	}
}

func (e *environment) once(writes bool, f func(t *transaction) error) error {
	t := &transaction{l: e.l}
	defer t.m.Unpin()
	out := new(uintptr)
	how := uintptr(readOnly)
	if writes {
		how = 0
	}
	if err := e.l.result(e.l.begin.Call(e.at, 0, how, t.m.At(out, unsafe.Pointer(out)))); err != nil {
		return err
	}
	t.at = *out
	if err := f(t); err != nil {
		e.l.abort.Call(t.at)
		return err
	}
	return e.l.result(e.l.commit.Call(t.at))
}

// entry makes of b what the library takes.
func (t *transaction) entry(b []byte) (*val, uintptr) {
	v := &val{uintptr(len(b)), t.m.Bytes(b)}
	return v, t.m.At(v, unsafe.Pointer(v))
}

// taken is what the library has put there.
func (v *val) taken() []byte { return clib.Copy(v.data, v.size) }

func (t *transaction) get(key []byte) ([]byte, error) {
	_, k := t.entry(key)
	value, v := t.entry(nil)
	if err := t.l.result(t.l.get.Call(t.at, mainDatabase, k, v)); err != nil {
		return nil, err
	}
	return value.taken(), nil
}

func (t *transaction) put(key, value []byte, how uintptr) error {
	_, k := t.entry(key)
	_, v := t.entry(value)
	return t.l.result(t.l.put.Call(t.at, mainDatabase, k, v, how))
}

func (t *transaction) del(key []byte) error {
	_, k := t.entry(key)
	return t.l.result(t.l.del.Call(t.at, mainDatabase, k, 0))
}

// after returns the first pair, or the one behind last.
func (t *transaction) after(begin bool, last string) (key, value []byte, err error) {
	out := new(uintptr)
	if err := t.l.result(t.l.cursor.Call(t.at, mainDatabase, t.m.At(out, unsafe.Pointer(out)))); err != nil {
		return nil, nil, err
	}
	defer t.l.cursorClose.Call(*out)
	kd, k := t.entry([]byte(last))
	vd, v := t.entry(nil)
	var how uintptr = setRange
	if begin {
		how = first
	}
	err = t.l.result(t.l.cursorGet.Call(*out, k, v, how))
	if err == nil && !begin && string(kd.taken()) == last {
		err = t.l.result(t.l.cursorGet.Call(*out, k, v, next))
	}
	if err != nil {
		return nil, nil, err
	}
	return kd.taken(), vd.taken(), nil
}
