// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"

	"postloop/master/maillog"
	"postloop/services/table/cdb"

	"golang.org/x/sys/unix"
)

// cdbTable is a table in a constant database: the file name.cdb. It is never
// written to, but replaced by another one.
type cdbTable struct {
	*indexFile
	pages *pages
	db    *cdb.Reader
	next  int64 // the place where Next goes on
}

func openCdb(e *Env, name string, m Mode, f Flags) (Table, error) {
	x, err := openIndex(e, "cdb", name, m, f)
	if err != nil {
		return nil, err
	}
	// One that was written just now may yet be written with the same times.
	kept := &pages{file: x, keep: func() bool { return e.Loop.Now().Sub(x.id.ctime) >= fileHot }}
	db, err := cdb.New(kept, x.id.size)
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("dict_cdbq_open: unable to init %s: %s", x.path, maillog.Strerror(cdbError(err)))
	}
	x.ref = "cdb:" + x.path // as Postfix has it in its logs
	x.warnOlder()
	return &cdbTable{indexFile: x, pages: kept, db: db}, nil
}

// cdbError is err as the library says it that Postfix has.
func cdbError(err error) error {
	if errors.Is(err, cdb.ErrDamaged) {
		return unix.EPROTO
	}
	return err
}

func (t *cdbTable) Get(key string, f Flags, _ func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	value, ok, err := t.find(key, t.db.Get)
	switch {
	case err != nil:
		return Answer{Status: t.failedAs(t.path, cdbError(err))}
	case !ok:
		return Answer{Status: NoKey}
	}
	return t.answer(key, upToNull(value), f)
}

func (t *cdbTable) Next(first bool, _ Flags, _ func(Pair, Status)) (Pair, Status) {
	if first {
		t.next = 0
	}
	key, value, next, ok, err := t.db.Next(t.next)
	switch {
	case err != nil:
		return Pair{}, t.failedAs(t.path, cdbError(err))
	case !ok:
		return Pair{}, NoKey
	}
	t.next = next
	return Pair{upToNull(key), upToNull(value)}, OK
}

// Changed is true as well when somebody has written into the file, which those
// who make a cdb do not do: what was read of it before may be wrong.
func (t *cdbTable) Changed() bool { return t.touched() }
