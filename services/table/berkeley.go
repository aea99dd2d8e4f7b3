// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/master/maillog"
	"postloop/services/table/bdb"
)

// berkeleyPatience is how long a request waits for writers: postmap keeps the
// file locked for as long as it takes to make the whole table.
const berkeleyPatience = 100 * time.Second

// errBusy is for a file that somebody is writing.
var errBusy = errors.New("somebody is writing it")

// berkeleyTable is a table in a file of Berkeley DB, name.db. postmap writes it
// in place, so every look-up sees what is there then.
//
// No answer is given that could come out of the middle of a writer's work. A
// writer has the file locked, so what the file holds while a reader has is
// whole. And it stays so for as long as the file's times and size stay the
// same: there is no need to lock it again before they have changed, only to look
// afterwards whether they have. That holds for those writers, too, that write
// without having it locked, postmap -d among them, which empties its buffers
// after it has let go. A file that has just been changed is locked for each
// look-up, because a further change may come with the same times.
//
// Pages are read, not mapped: a mapped one that a writer has just cut off kills
// whoever looks at it. They are kept for as long as what the file holds is whole.
type berkeleyTable struct {
	*indexFile
	db       *bdb.File
	pages    pages
	openLock bool // the file is locked for as long as the table is open
	again    again
	cursor   bdb.Cursor // behind the key that Next returned last
	ahead    bdb.Cursor // behind the next one

	state fileID // of the file when it was locked last
	whole bool   // as long as that is its state, what it holds is whole
	seen  uint64 // the turn in which it was that, when nothing had to be read

	// Writers put a null byte at the end of keys and values, or none. Like
	// Postfix, no longer ask for the one once the other has been found in this
	// database.
	found   Flags
	foundIn [20]byte
}

func openBerkeley(e *Env, method bdb.Method, name string, m Mode, f Flags) (Table, error) {
	typ := string(method)
	if err := oneLock(typ, name, f); err != nil {
		return nil, err
	}
	x, err := openIndex(e, typ, name, m, f)
	if err != nil {
		return nil, err
	}
	x.ref = typ + ":" + x.path // what Postfix calls it in the log
	t := &berkeleyTable{indexFile: x, again: again{loop: e.Loop, patience: berkeleyPatience}}
	t.pages = pages{file: x, keep: func() bool { return t.whole }}
	t.db = bdb.New(t, method)
	if f&OpenLock != 0 {
		if err := t.flock(unix.LOCK_EX); err != nil {
			x.Close()
			return nil, fmt.Errorf("%s:%s: unable to get exclusive lock: %s", typ, name, maillog.Strerror(err))
		}
		t.openLock = true
	}
	if err := t.check(); err != nil {
		t.Close()
		return nil, err
	}
	if f&Lock != 0 {
		x.warnOlder()
	}
	return t, nil
}

// oneLock refuses flags that contradict each other.
func oneLock(typ, name string, f Flags) error {
	if f&OpenLock != 0 && f&Lock != 0 {
		return fmt.Errorf("attempt to open %s:%s with both \"open\" lock and \"access\" lock", typ, name)
	}
	return nil
}

// check looks whether the file is what it should be. One that somebody is
// writing is not looked at before it is needed.
func (t *berkeleyTable) check() error {
	err := t.locked(func() error { return nil })
	if format, ok := errors.AsType[*bdb.FormatError](err); ok && format.Alien {
		// The library says it in its own way, and Postfix in the system's.
		t.env.Log.Warnf("%s: %s", t.path, format.Text)
		err = unix.EINVAL
	}
	if err != nil && !errors.Is(err, errBusy) {
		return openError(t.path, err)
	}
	return nil
}

func (t *berkeleyTable) flock(how int) error {
	return retry(func() error { return unix.Flock(t.fd, how|unix.LOCK_NB) })
}

// locked has f read the file while no writer has it locked.
func (t *berkeleyTable) locked(f func() error) error {
	t.whole = false
	t.pages.forget()
	if !t.openLock {
		err := t.flock(unix.LOCK_SH)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return errBusy
		}
		if err != nil {
			return fmt.Errorf("lock dictionary: %w", err)
		}
		defer func() { _ = t.flock(unix.LOCK_UN) }()
	}
	var err error
	if t.state, err = t.now(); err != nil {
		return err
	}
	if err := t.db.Load(); err != nil {
		return err
	}
	if id := t.db.ID(); id != t.foundIn {
		t.found, t.foundIn = 0, id
	}
	t.whole = !t.hot()
	err = f()
	if t.changed() {
		return errBusy
	}
	return err
}

func (t *berkeleyTable) now() (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(t.fd, &st); err != nil {
		return fileID{}, err
	}
	return identify(&st), nil
}

// changed says whether anything has been written into the file.
func (t *berkeleyTable) changed() bool {
	now, err := t.now()
	return err != nil || now != t.state
}

// hot says whether the file was changed just now, or later by a clock that is
// not ours.
func (t *berkeleyTable) hot() bool { return t.env.Loop.Now().Sub(t.state.ctime) < fileHot }

// read has f read the file, more than once perhaps. The error is errBusy if what
// it holds may not be whole.
func (t *berkeleyTable) read(f func() error) error {
	if t.whole {
		turn, before := t.env.Loop.Stats().Turns, t.pages.read
		err := f()
		// What is written while a turn lasts may be seen in the next: whoever asks
		// for it because it was written does not ask before that.
		if t.pages.read == before && t.seen == turn {
			return err
		}
		if !t.changed() {
			t.seen = turn
			return err
		}
	}
	err := t.locked(f)
	if err != nil && t.hot() {
		return errBusy // the next state may be better
	}
	return err
}

func (t *berkeleyTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok || strings.IndexByte(key, 0) >= 0 { // the null byte is ours to add
		return Answer{Status: NoKey}
	}
	a := t.get(key, f)
	if a.Status == Later {
		t.again.get(func() Answer { return t.get(key, f) }, t.lockedOut, later)
	}
	return a
}

func (t *berkeleyTable) get(key string, f Flags) Answer {
	var value []byte
	var ok bool
	err := t.read(func() (err error) {
		value, ok, err = t.lookup(key, f)
		return err
	})
	switch {
	case errors.Is(err, errBusy):
		return Answer{Status: Later}
	case err != nil:
		return Answer{Status: t.failedAs(t.path, err)}
	case !ok:
		return Answer{Status: NoKey}
	}
	return t.answer(key, upToNull(value), f)
}

// lookup asks for key with a null byte and without one: those of the two that
// the request is for, or else the table.
func (t *berkeleyTable) lookup(key string, f Flags) (value []byte, ok bool, err error) {
	const both = Try0Null | Try1Null
	try := f & both
	if try == 0 {
		try = t.flags & both
	}
	if try == both && t.found != 0 {
		try = t.found
	}
	t.key0 = append(append(t.key0[:0], key...), 0)
	if try&Try1Null != 0 {
		if value, ok, err = t.db.Get(t.key0); ok {
			t.found = Try1Null
		}
	}
	if try&Try0Null != 0 && !ok && err == nil {
		if value, ok, err = t.db.Get(t.key0[:len(key)]); ok {
			t.found = Try0Null
		}
	}
	return value, ok, err
}

// Next begins in front of the first key where Postfix, not having been asked
// for that, ends.
func (t *berkeleyTable) Next(first bool, _ Flags, later func(Pair, Status)) (Pair, Status) {
	p, s := t.walk(first)
	if s == Later {
		t.again.next(func() (Pair, Status) { return t.walk(first) }, t.lockedOut, later)
	}
	return p, s
}

func (t *berkeleyTable) walk(first bool) (p Pair, s Status) {
	if first {
		t.cursor.Reset()
	}
	var key, value []byte
	var ok bool
	err := t.read(func() (err error) {
		t.ahead.Set(&t.cursor) // what was found may have to be thrown away
		key, value, ok, err = t.db.Next(&t.ahead)
		return err
	})
	switch {
	case errors.Is(err, errBusy):
		return Pair{}, Later
	case err != nil:
		return Pair{}, t.failedAs(t.path, err)
	case !ok:
		return Pair{}, NoKey
	}
	t.cursor, t.ahead = t.ahead, t.cursor
	return Pair{upToNull(key), upToNull(value)}, OK
}

func (t *berkeleyTable) lockedOut() Status {
	t.env.Log.Warnf("%s: waited %v for those who write to it", t.path, berkeleyPatience)
	return Retry
}

// ReadAt is that of bdb.Reader.
func (t *berkeleyTable) ReadAt(b []byte, at int64) (int, error) { return t.pages.ReadAt(b, at) }

// Size is that of bdb.Reader.
func (t *berkeleyTable) Size() (int64, error) { return t.state.size, nil }

// Changed reports that the path leads to another file. What is written into
// this one is no change: it is seen at once.
func (t *berkeleyTable) Changed() bool { return t.replaced() }

func (t *berkeleyTable) Close() {
	t.again.stop()
	if t.openLock { // a child that is being started may have the file open as well
		_ = t.flock(unix.LOCK_UN)
	}
	t.indexFile.Close()
}
