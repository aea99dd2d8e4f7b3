// SPDX-License-Identifier: ISC

package lmdb

import (
	"context"
	"fmt"
	"runtime"

	"postloop/master/maillog"
	"postloop/services/table/worker"
	"postloop/services/table/worker/clib"
	"postloop/services/table/worker/datafile"
)

// maxSize is how much room a file is given.
const maxSize = 1 << 40

// table is the table.
type table struct {
	s    *worker.Settings
	l    *library
	name string // type:name
	path string
	size int64 // of the room, at first

	file    *datafile.File // nil: not opened
	e       *environment   // nil: likewise
	seen    int64          // bytes of the file
	written worker.Written
}

// Open makes a table of settings: name, path, size.
func Open(s *worker.Settings) (worker.Writer, error) {
	runtime.LockOSThread() // as long as the process lives: a transaction belongs to a thread
	l, err := loadLibrary()
	if err != nil {
		return nil, err
	}
	return &table{
		s: s, l: l, name: "lmdb:" + s.String("name"), path: s.String("path"), size: int64(s.Int("size")),
		written: worker.NewWritten(s),
	}, nil
}

// Close lets go of the file.
func (t *table) Close() {
	t.drop()
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// drop closes what the library has open.
func (t *table) drop() {
	if t.e != nil {
		t.e.close()
		t.e = nil
	}
}

// Start opens the table.
func (t *table) Start(ctx context.Context) error {
	_, err := t.do(ctx, false, "opening", func(*transaction) error { return nil })
	return err
}

// do has f work in a transaction while the file is locked. there is false for what
// only says that there is nothing.
func (t *table) do(ctx context.Context, writes bool, what string, f func(t *transaction) error) (there bool, err error) {
	if err := t.ready(ctx, writes); err != nil {
		return false, err
	}
	defer t.file.Unlock()
	if err := t.current(); err != nil {
		return false, t.unavailable(err)
	}
	err = t.e.transaction(writes, f)
	if err == nil || clib.Is(err, notFound) || clib.Is(err, exists) {
		return err == nil, nil
	}
	t.drop()
	return false, fmt.Errorf("error %s %s: %s", what, t.name, maillog.Strerror(err))
}

// unavailable is why the table cannot be opened.
func (t *table) unavailable(err error) error {
	return fmt.Errorf("%s is unavailable. open database %s: %s", t.name, t.path, maillog.Strerror(err))
}

// ready opens the file that is there, makes it if there is none, and locks it.
func (t *table) ready(ctx context.Context, writes bool) error {
	for {
		if t.file == nil {
			file, err := datafile.Open(t.path, datafile.Record, true)
			if err != nil {
				return t.unavailable(err)
			}
			t.file, t.written.Found = file, worker.Forms{}
		}
		// What opens a file may write its beginning.
		if err := t.file.Lock(ctx, writes || t.e == nil); err != nil {
			return fmt.Errorf("%s: lock dictionary: %s", t.name, maillog.Strerror(err))
		}
		if !t.file.Replaced() {
			return nil
		}
		t.Close()
		if err := ctx.Err(); err != nil {
			return t.unavailable(err)
		}
	}
}

// current has the library open the file, if it has not, or if a part of what it
// has seen there is not there any more: it would look at it.
func (t *table) current() error {
	now, err := t.file.State()
	if err != nil {
		return err
	}
	if t.e != nil && now.Size < t.seen {
		t.drop()
	}
	if t.e == nil {
		if t.e, err = t.l.openEnvironment(t.path, max(t.size, 2*now.Size)); err != nil {
			return err
		}
	}
	t.seen = now.Size
	return nil
}

// either has f try a key in one form, and in the other. Unlike Postfix it does not
// stop asking for the one when the other has been found: others may write the whole
// table anew in another form, and it would seem empty then.
func (t *table) either(key string, forms worker.Forms, f func(key []byte) error) error {
	w := worker.Written{Table: t.written.Table}
	found, err := w.Either(key, forms, func(key []byte) (bool, error) {
		if !fits(key) {
			return false, nil
		}
		err := f(key)
		if clib.Is(err, notFound) {
			return false, nil
		}
		return err == nil, err
	})
	switch {
	case err != nil:
		return err
	case !found:
		return &clib.Failure{Code: notFound}
	}
	t.written.Found = w.Found
	return nil
}

// fits reports whether there can be such a key.
func fits(key []byte) bool { return len(key) >= 1 && len(key) <= maxKey }

// Find is worker.Writer's.
func (t *table) Find(ctx context.Context, key string, forms worker.Forms) (value string, found bool, err error) {
	found, err = t.do(ctx, false, "reading", func(txn *transaction) error {
		return t.either(key, forms, func(key []byte) error {
			v, err := txn.get(key)
			value = clib.UpToNull(v)
			return err
		})
	})
	return value, found, err
}

// Put is worker.Writer's. A key that a file cannot have is refused.
func (t *table) Put(ctx context.Context, key, value string, forms worker.Forms, d worker.Dup) (done bool, err error) {
	k, v, as := t.written.Entry(key, value, forms)
	if !fits(k) {
		t.s.Warnf("%s: key of %d bytes, which must be 1 to %d: \"%.100s\" -- not stored", t.name, len(k), maxKey, key)
		return false, nil
	}
	var how uintptr
	if d != worker.Replace {
		how = noReplace
	}
	done, err = t.do(ctx, true, "updating", func(txn *transaction) error { return txn.put(k, v, how) })
	switch {
	case done:
		t.written.Found = as
	case err == nil && d == worker.Warn:
		t.s.Warnf("%s: duplicate entry: \"%s\"", t.name, key)
	}
	return done, err
}

// Delete is worker.Writer's.
func (t *table) Delete(ctx context.Context, key string, forms worker.Forms) (done bool, err error) {
	return t.do(ctx, true, "deleting from", func(txn *transaction) error { return t.either(key, forms, txn.del) })
}

// Next is worker.Walker's.
func (t *table) Next(ctx context.Context, first bool, last string) (key, value string, found bool, err error) {
	found, err = t.do(ctx, false, "seeking", func(txn *transaction) error {
		k, v, err := txn.after(first, last)
		key, value = string(k), clib.UpToNull(v)
		return err
	})
	return key, value, found, err
}
