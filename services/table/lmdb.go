// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"time"

	"postloop/services/table/lmdb"

	"golang.org/x/sys/unix"
)

// lockPatience is how long a request waits for writers. They keep the whole
// file locked for no longer than it takes to write one key.
const lockPatience = 10 * time.Second

// lmdbTable is a table in an LMDB database: the file name.lmdb. Others may
// write to it at any time; each look-up sees what is there then. The empty key,
// which LMDB does not have, is not there; Postfix dies of it.
type lmdbTable struct {
	*indexFile
	db    *lmdb.Reader
	again again
	last  []byte // the key that Next returned last, as it is in the file
}

func openLmdb(e *Env, name string, m Mode, f Flags) (Table, error) {
	if m == ReadWrite {
		return openWritten(e, "lmdb", name, f)
	}
	x, err := openIndex(e, "lmdb", name, m, f)
	if err != nil {
		return nil, err
	}
	db := lmdb.New(x)
	if err := db.Begin(); err != nil {
		x.Close()
		return nil, openError(x.path, err)
	}
	if f&Lock != 0 {
		x.warnOlder()
	}
	x.flags |= MultiWriter
	return &lmdbTable{indexFile: x, db: db, again: again{loop: e.Loop, patience: lockPatience}}, nil
}

func (t *lmdbTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	a := t.get(key, f)
	if a.Status == Later {
		t.again.get(func() Answer { return t.get(key, f) }, t.lockedOut, later)
	}
	return a
}

func (t *lmdbTable) get(key string, f Flags) Answer {
	var value string
	var ok bool
	done, err := t.read(func() (err error) {
		var v []byte
		v, ok, err = t.find(key, t.db.Get)
		value = upToNull(v)
		return err
	})
	switch {
	case !done:
		return Answer{Status: Later}
	case err != nil:
		return Answer{Status: t.failed(err)}
	case !ok:
		return Answer{Status: NoKey}
	}
	return t.answer(key, value, f)
}

// Next begins again behind the end, as Postfix does.
func (t *lmdbTable) Next(first bool, _ Flags, later func(Pair, Status)) (Pair, Status) {
	p, s := t.walk(first)
	if s == Later {
		t.again.next(func() (Pair, Status) { return t.walk(first) }, t.lockedOut, later)
	}
	return p, s
}

func (t *lmdbTable) walk(first bool) (p Pair, s Status) {
	var last []byte
	if !first {
		last = t.last
	}
	var key []byte
	var ok bool
	done, err := t.read(func() error {
		k, v, found, err := t.db.After(last)
		p, key, ok = Pair{upToNull(k), upToNull(v)}, k, found
		return err
	})
	switch {
	case !done:
		return Pair{}, Later
	case err != nil:
		return Pair{}, t.failed(err)
	case !ok:
		t.last = t.last[:0]
		return Pair{}, NoKey
	}
	t.last = append(t.last[:0], key...)
	return p, OK
}

// read has f read one state of the database, more than once if it changes
// meanwhile. done is false if writers do not let it.
func (t *lmdbTable) read(f func() error) (done bool, err error) {
	switch err := lockShared(t.fd); {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES):
		return false, nil
	case err != nil:
		return true, err
	}
	done, err = t.readState(f)
	unlock(t.fd)
	return done, err
}

// readState is for what the lock does not keep out: Postfix's bulk writers have
// a shared one themselves while they write, other programs may have none.
func (t *lmdbTable) readState(f func() error) (done bool, err error) {
	for range 4 {
		if err := t.db.Begin(); err != nil {
			return true, err
		}
		err := f()
		switch end := t.db.End(); {
		case end == nil:
			return true, err
		case !errors.Is(end, lmdb.ErrChanged):
			return true, end
		}
	}
	return false, nil
}

func (t *lmdbTable) lockedOut() Status {
	t.env.Log.Warnf("%s: waited %v for those who write to %s", t.ref, lockPatience, t.path)
	return Retry
}

// Changed reports that the path leads to another file. What is written into
// this one is no change: it is seen at once.
func (t *lmdbTable) Changed() bool { return t.replaced() }

func (t *lmdbTable) Close() {
	t.again.stop()
	t.indexFile.Close()
}
