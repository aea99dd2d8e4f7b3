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
	db   *cdb.Reader
	next int64 // the place where Next goes on
}

func openCdb(e *Env, name string, m Mode, f Flags) (Table, error) {
	x, err := openIndex(e, "cdb", name, ".cdb", m, f)
	if err != nil {
		return nil, err
	}
	db, err := cdb.New(x, x.stat.Size)
	if err != nil {
		x.close()
		return nil, fmt.Errorf("dict_cdbq_open: unable to init %s: %s", x.path, maillog.Strerror(cdbError(err)))
	}
	x.warnOlder()
	return &cdbTable{indexFile: x, db: db}, nil
}

// cdbError is err in the words of Postfix, whose library knows only one.
func cdbError(err error) error {
	if errors.Is(err, cdb.ErrDamaged) {
		return unix.EPROTO
	}
	return err
}

func (t *cdbTable) Flags() Flags { return t.flags }

func (t *cdbTable) Get(key string, f Flags, _ func(Answer)) Answer {
	key, ok := t.fold(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	value, ok, err := t.find(key, t.db.Get)
	return t.answer(key, text(value), ok, cdbError(err), f)
}

func (t *cdbTable) Next(first bool, _ Flags, _ func(Pair, Status)) (Pair, Status) {
	if first {
		t.next = 0
	}
	key, value, next, ok, err := t.db.Next(t.next)
	if err != nil {
		return Pair{}, t.failed(cdbError(err))
	}
	if !ok {
		return Pair{}, NoKey
	}
	t.next = next
	return Pair{text(key), text(value)}, OK
}

// Changed is true as well if somebody has written into the file, as no cdb's
// maker does: what was read of it before may be wrong.
func (t *cdbTable) Changed() bool { return t.rewritten() }

func (t *cdbTable) Close() { t.close() }
