// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"postloop/master/maillog"
)

// indexFile is what the tables have in common that postmap(1) makes of a source
// file: an index beside it, in which keys and values may have a null byte at
// their end.
type indexFile struct {
	common
	name, path string // path is name, and the suffix of the type
	fd         int
	id         fileID // as it was opened
	key0       []byte // the key asked for, and a null byte
}

// openIndex opens the index of that type called name.
func openIndex(e *Env, typ, name string, m Mode, f Flags) (*indexFile, error) {
	if err := readOnly(typ, name, m); err != nil {
		return nil, err
	}
	f &= Try0Null | Try1Null
	if f == 0 {
		f = Try0Null | Try1Null
	}
	x := &indexFile{common: common{e, typ + ":" + name, Fixed | f}, name: name, path: name + "." + indexSuffix(typ)}
	err := retry(func() (err error) {
		// Whatever it is, opening it does not wait for anybody.
		x.fd, err = unix.Open(x.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, openError(x.path, err)
	}
	if err := x.stat(); err != nil {
		x.Close()
		return nil, openError(x.path, err)
	}
	return x, nil
}

// indexSuffix is what the names of a type's files end in.
func indexSuffix(typ string) string {
	switch typ {
	case "btree", "hash":
		return "db"
	}
	return typ
}

func openError(path string, err error) error {
	return fmt.Errorf("open database %s: %s", path, maillog.Strerror(err))
}

func (x *indexFile) stat() error {
	var st unix.Stat_t
	if err := unix.Fstat(x.fd, &st); err != nil {
		return err
	}
	x.id = identify(&st)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return unix.EISDIR
	}
	return errors.New("not a regular file")
}

func (x *indexFile) Close() {
	if x.fd >= 0 {
		_ = unix.Close(x.fd)
	}
	x.fd = -1
}

// warnOlder warns of a source file that somebody has edited a while ago
// without running postmap.
func (x *indexFile) warnOlder() {
	if source, ok := statFile(x.name); ok && source.mtime.Unix() > x.id.mtime.Unix() &&
		x.env.Loop.Now().Sub(source.mtime) > 100*time.Second {
		x.env.Log.Warnf("database %s is older than source file %s", x.path, x.name)
	}
}

// replaced reports whether the path leads to another file by now. A file that
// has vanished lives on, until there is another.
func (x *indexFile) replaced() bool {
	now, ok := statFile(x.path)
	return ok && (now.ino != x.id.ino || now.dev != x.id.dev)
}

// touched reports the same, and whether the file itself is not what it was.
func (x *indexFile) touched() bool {
	now, ok := statFile(x.path)
	return ok && now != x.id
}

func statFile(path string) (id fileID, ok bool) {
	var st unix.Stat_t
	if retry(func() error { return unix.Stat(path, &st) }) != nil {
		return fileID{}, false
	}
	return identify(&st), true
}

// ReadAt is that of io.ReaderAt.
func (x *indexFile) ReadAt(b []byte, at int64) (int, error) {
	for n := 0; ; {
		switch more, err := unix.Pread(x.fd, b[n:], at+int64(n)); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, err
		case n+more == len(b):
			return len(b), nil
		case more == 0:
			return n, io.EOF
		default:
			n += more
		}
	}
}

// find asks for key with a null byte and without one, as far as the table has
// both. Postfix stops asking for the one once it has found the other; a table
// that is written anew, the other way, would seem empty then.
func (x *indexFile) find(key string, get func([]byte) ([]byte, bool, error)) (value []byte, ok bool, err error) {
	x.key0 = append(append(x.key0[:0], key...), 0)
	if x.flags&Try1Null != 0 {
		value, ok, err = get(x.key0)
	}
	if x.flags&Try0Null != 0 && !ok && err == nil {
		value, ok, err = get(x.key0[:len(key)])
	}
	return value, ok, err
}

// failed logs that the index could not be read. Somebody may be about to
// repair it.
func (x *indexFile) failed(err error) Status { return x.failedAs(x.ref, err) }

// failedAs is failed for those that the log knows under another name.
func (x *indexFile) failedAs(name string, err error) Status {
	x.env.Log.Warnf("error reading %s: %s", name, maillog.Strerror(err))
	return Retry
}

// upToNull is the text in b, as C has it.
func upToNull(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
