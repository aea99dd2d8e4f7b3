// SPDX-License-Identifier: ISC

package berkeley

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"postloop/master/maillog"
	"postloop/services/table/worker"
	"postloop/services/table/worker/clib"
	"postloop/services/table/worker/datafile"

	"golang.org/x/sys/unix"
)

// pageSlack is how many pages a change may need besides those of a long key or
// value: some for each level of a tree.
const pageSlack = 32

// making is how long somebody may take to make a file.
const making = 10 * time.Second

// handover is how long a new process waits for a file that another one holds.
const handover = 2 * time.Second

// table is the table.
type table struct {
	s    *worker.Settings
	l    *library
	o    options
	ref  string // what Postfix calls it in the log
	name string // type:name
	hold bool

	file    *datafile.File // nil: not opened
	locked  bool
	h       *handle        // nil: likewise
	state   datafile.State // that h has seen
	behind  bool           // h has what is not in the file yet
	resume  string         // behind the cursor of the handle before
	resumes string         // that was on this key
	page    int64          // bytes of one
	room    int64          // that is reserved
	tried   bool           // to open the table
	closing bool           // h

	written worker.Written
	foundIn [20]byte // which database this is
}

// Open makes a table of settings: type, name, path, cache, hold.
func Open(s *worker.Settings) (worker.Writer, error) {
	runtime.LockOSThread() // as long as the process lives: the library is used by one thread
	l, err := loadLibrary()
	if err != nil {
		return nil, err
	}
	t := &table{s: s, l: l, name: s.String("type") + ":" + s.String("name"), hold: s.Bool("hold")}
	t.o = options{path: s.String("path"), method: hash, cache: s.Int("cache")}
	if s.String("type") == "btree" {
		t.o.method = btree
	}
	t.ref = s.String("type") + ":" + t.o.path
	t.written = worker.NewWritten(s)
	t.o.errors = clib.Callback(func(_ uintptr, _, text *byte) {
		if !t.closing { // the library looks for the file once more, under its name
			s.Warnf("%s: %s", t.o.path, clib.Text(text))
		}
	})
	return t, nil
}

// Close writes what is left to be written, if it can be.
func (t *table) Close() {
	if t.h != nil {
		_ = t.h.close(t.behind)
		t.h, t.behind = nil, false
	}
	t.letGo()
}

// letGo closes the file.
func (t *table) letGo() {
	t.drop()
	if t.file != nil {
		t.file.Close()
		t.file, t.locked = nil, false
	}
}

// drop closes the database. What it has in memory is thrown away.
func (t *table) drop() {
	if t.h == nil {
		return
	}
	t.closing = true
	if t.h.method == hash && t.h.cursor != 0 {
		last := t.h.at
		if key, _, err := t.h.move(dbNext, nil); err == nil {
			t.resume, t.resumes = string(key), last
		}
	}
	_ = t.h.close(false)
	t.h, t.closing = nil, false
}

// Start opens the table.
func (t *table) Start(ctx context.Context) error {
	return t.do(ctx, false, func() error { return nil })
}

// openFile opens the file, and makes it if it is not there.
func (t *table) openFile() error {
	var err error
	t.file, err = datafile.Open(t.o.path, datafile.Flock, false)
	if errors.Is(err, unix.ENOENT) {
		if err := t.clear(); err != nil {
			return err
		}
		o := t.o
		o.create = true
		h, e := t.l.openHandle(o)
		if e != nil {
			if !errors.Is(e, unix.EEXIST) {
				_ = os.Remove(t.unmade()) // which the library leaves there
			}
			return e
		}
		if e := h.close(true); e != nil {
			return e
		}
		t.file, err = datafile.Open(t.o.path, datafile.Flock, false)
	}
	if err != nil {
		t.file = nil
	}
	t.room = 0
	return err
}

// clear removes what is left of an attempt to make the file, which the library makes
// under another name first: with that there it tries again for a long time, in vain.
func (t *table) clear() error {
	left := t.unmade()
	switch info, err := os.Lstat(left); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	case time.Since(info.ModTime()) < making:
		return unix.EEXIST // somebody is making it
	}
	t.s.Warnf("%s: removing %s, which is left of an attempt to make it", t.o.path, left)
	return os.Remove(left)
}

// unmade is what the library calls a file that it is making.
func (t *table) unmade() string {
	return filepath.Join(filepath.Dir(t.o.path), "__db."+filepath.Base(t.o.path))
}

// lock locks the file. One that is to be held is not waited for, but when this
// process is new: the one before it may be about to end.
func (t *table) lock(ctx context.Context, exclusive bool) error {
	if t.locked {
		return nil
	}
	if !t.hold {
		if err := t.file.Lock(ctx, exclusive); err != nil {
			return fmt.Errorf("%s: lock dictionary: %s", t.o.path, maillog.Strerror(err))
		}
		t.locked = true
		return nil
	}
	err := t.file.TryLock(true)
	if errors.Is(err, datafile.ErrBusy) && !t.tried {
		soon, cancel := context.WithTimeout(ctx, handover)
		defer cancel()
		if t.file.Lock(soon, true) == nil {
			err = nil
		}
	}
	if errors.Is(err, datafile.ErrBusy) {
		err = unix.EAGAIN
	}
	if err != nil {
		return unavailable{fmt.Errorf("%s: unable to get exclusive lock: %s", t.name, maillog.Strerror(err))}
	}
	t.locked = true
	return nil
}

// unavailable is why a table cannot be opened.
type unavailable struct{ error }

// do has f use the database while the file is locked.
func (t *table) do(ctx context.Context, writes bool, f func() error) error {
	err := t.ready(ctx, writes)
	t.tried = true
	if e, ok := errors.AsType[unavailable](err); ok {
		t.letGo()
		return fmt.Errorf("%s is unavailable. %w", t.name, e.error)
	}
	if err == nil {
		err = f()
	}
	if t.locked && !t.hold && !t.behind {
		t.file.Unlock()
		t.locked = false
	}
	return err
}

// ready locks the file, and sees that what the library has in memory is what is
// there.
func (t *table) ready(ctx context.Context, writes bool) error {
	if t.behind {
		return t.save()
	}
	for {
		if t.file == nil {
			if err := t.openFile(); err != nil {
				return unavailable{fmt.Errorf("open database %s: %s", t.o.path, maillog.Strerror(err))}
			}
		}
		if err := t.lock(ctx, writes); err != nil {
			return err
		}
		if !t.file.Replaced() {
			break
		}
		t.letGo()
		if ctx.Err() != nil {
			return fmt.Errorf("open database %s: it is replaced all the time", t.o.path)
		}
	}
	now, err := t.file.State()
	if err != nil {
		return err
	}
	if t.h != nil && now != t.state {
		t.drop()
	}
	if t.h != nil {
		return nil
	}
	if err := t.openHandle(); err != nil {
		return unavailable{fmt.Errorf("open database %s: %s", t.o.path, maillog.Strerror(err))}
	}
	t.state = now
	return nil
}

// openHandle opens the database, and finds out which one it is.
func (t *table) openHandle() error {
	h, err := t.l.openHandle(t.o)
	if err != nil {
		return err
	}
	var meta [72]byte
	if err := t.file.ReadAt(meta[:], 0); err != nil {
		_ = h.close(false)
		return err
	}
	t.h = h
	t.page = int64(binary.NativeEndian.Uint32(meta[20:]))
	if id := [20]byte(meta[52:]); id != t.foundIn {
		t.written.Found, t.foundIn = worker.Forms{}, id
	}
	return nil
}

// save writes what is in memory only. If the system does not let it, it stays there,
// and the file locked; if the library has lost its way, there is nothing to keep.
func (t *table) save() error {
	t.behind = true
	if err := t.h.sync(); err != nil {
		if _, lost := errors.AsType[*clib.Failure](err); lost {
			t.behind = false
			t.drop()
		}
		return t.failed(err, "writing")
	}
	t.behind = false
	stamped := t.hold || t.file.Stamp()
	now, err := t.file.State()
	if err != nil || !stamped {
		now = datafile.State{} // others may change it, and leave it the same time
	}
	t.state = now
	return nil
}

// reserve sees that there is room for another entry.
func (t *table) reserve(size int) error {
	now, err := t.file.State()
	if err != nil {
		return err
	}
	// Of each page of a long entry some bytes are not its own.
	need := now.Size + (int64(size)/(t.page-64)+pageSlack)*t.page
	if t.h.method == hash {
		var meta [80]byte
		if err := t.file.ReadAt(meta[:], 0); err != nil {
			return err
		}
		// When its last bucket is the last for its mask, it doubles their number.
		if last, mask := binary.NativeEndian.Uint32(meta[72:]), binary.NativeEndian.Uint32(meta[76:]); last == mask {
			need += (int64(last) + 1) * t.page
		}
	}
	if need <= t.room {
		return nil
	}
	if err := t.file.Reserve(need); err != nil {
		return err
	}
	t.room = need
	t.state, err = t.file.State() // its time may be another
	return err
}

// Find is worker.Writer's.
func (t *table) Find(ctx context.Context, key string, forms worker.Forms) (value string, found bool, err error) {
	err = t.do(ctx, false, func() error {
		found, err = t.written.Either(key, forms, func(key []byte) (bool, error) {
			v, err := t.h.get(key)
			value = clib.UpToNull(v)
			return t.settle(err, "reading")
		})
		return err
	})
	return value, found && err == nil, err
}

// settle makes of an error of the library whether something was there. After any
// other error what the library has in memory is not to be trusted.
func (t *table) settle(err error, what string) (there bool, _ error) {
	if err == nil || clib.Is(err, dbNotFound) || clib.Is(err, dbExists) {
		return err == nil, nil
	}
	t.drop()
	return false, t.failed(err, what)
}

// failed is an error in Postfix's words.
func (t *table) failed(err error, what string) error {
	return fmt.Errorf("error %s %s: %s", what, t.ref, maillog.Strerror(err))
}

// Put is worker.Writer's.
func (t *table) Put(ctx context.Context, key, value string, forms worker.Forms, d worker.Dup) (done bool, err error) {
	err = t.do(ctx, true, func() error {
		k, v, as := t.written.Entry(key, value, forms)
		if err := t.reserve(len(k) + len(v)); err != nil {
			return t.failed(err, "writing")
		}
		var how uintptr
		if d != worker.Replace {
			how = dbNoReplace
		}
		if done, err = t.settle(t.h.put(k, v, how), "writing"); !done {
			return err
		}
		t.written.Found = as
		return t.save()
	})
	if !done && err == nil && d == worker.Warn {
		t.s.Warnf("%s: duplicate entry: \"%s\"", t.ref, key)
	}
	return done && err == nil, err
}

// Delete is worker.Writer's.
func (t *table) Delete(ctx context.Context, key string, forms worker.Forms) (done bool, err error) {
	err = t.do(ctx, true, func() error {
		done, err = t.written.Either(key, forms, func(key []byte) (bool, error) {
			return t.settle(t.h.del(key), "deleting from")
		})
		if !done {
			return err
		}
		return t.save()
	})
	return done && err == nil, err
}

// Next is worker.Walker's.
func (t *table) Next(ctx context.Context, first bool, last string) (key, value string, found bool, err error) {
	err = t.do(ctx, false, func() error {
		resume := ""
		if t.resumes == last {
			resume = t.resume
		}
		k, v, err := t.h.next(first, last, resume)
		key, value = string(k), clib.UpToNull(v)
		found, err = t.settle(err, "seeking")
		return err
	})
	return key, value, found && err == nil, err
}
