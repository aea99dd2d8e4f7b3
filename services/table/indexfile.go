// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// indexFile is what the tables have in common that postmap makes of a source
// file: an index beside it, in which keys and values may have a null byte at
// their end.
type indexFile struct {
	e         *Env
	typ, name string
	path      string // name, and the suffix of the type
	fd        int
	stat      unix.Stat_t // as it was when it was opened
	flags     Flags
	key       []byte // the key asked for, and a null byte
}

// openIndex opens the index called name+suffix.
func openIndex(e *Env, typ, name, suffix string, m Mode, f Flags) (*indexFile, error) {
	if m != ReadOnly {
		return nil, fmt.Errorf("%s:%s map requires O_RDONLY access mode", typ, name)
	}
	x := &indexFile{e: e, typ: typ, name: name, path: name + suffix, flags: Fixed | f&(Try0Null|Try1Null)}
	if x.flags&(Try0Null|Try1Null) == 0 {
		x.flags |= Try0Null | Try1Null
	}
	var err error
	// Whatever is there, opening it does not wait for anybody.
	if x.fd, err = unix.Open(x.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open database %s: %s", x.path, maillog.Strerror(err))
	}
	if err = unix.Fstat(x.fd, &x.stat); err == nil {
		switch x.stat.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			return x, nil
		case unix.S_IFDIR:
			err = unix.EISDIR
		default:
			err = errors.New("not a regular file")
		}
	}
	x.close()
	return nil, fmt.Errorf("open database %s: %s", x.path, maillog.Strerror(err))
}

func (x *indexFile) close() { _ = unix.Close(x.fd) }

// warnOlder warns of a source file that somebody has edited a while ago, and
// has not run postmap since.
func (x *indexFile) warnOlder() {
	var source unix.Stat_t
	if unix.Stat(x.name, &source) != nil {
		return
	}
	edited := time.Unix(source.Mtim.Unix())
	if edited.Unix() > time.Unix(x.stat.Mtim.Unix()).Unix() && x.e.Loop.Now().Sub(edited) > 100*time.Second {
		x.e.Log.Warnf("database %s is older than source file %s", x.path, x.name)
	}
}

// replaced reports whether the path leads to another file by now, or to none.
// rewritten, whether it does, or the file has been written to.
func (x *indexFile) replaced() bool {
	now, ok := x.now()
	return !ok || now.Ino != x.stat.Ino || now.Dev != x.stat.Dev
}

func (x *indexFile) rewritten() bool {
	now, ok := x.now()
	return !ok || now.Ino != x.stat.Ino || now.Dev != x.stat.Dev || now.Size != x.stat.Size || now.Mtim != x.stat.Mtim
}

func (x *indexFile) now() (now unix.Stat_t, ok bool) {
	return now, unix.Stat(x.path, &now) == nil
}

// ReadAt is io.ReaderAt.
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

// fold folds key. ok is false, and the log says so, if it cannot be in any
// table.
func (x *indexFile) fold(key string, f Flags) (folded string, ok bool) {
	if folded, ok = Fold(key, f, x.flags); !ok {
		x.e.Log.Warnf("%s:%s: non-UTF-8 key \"%s\": malformed UTF-8 or invalid codepoint", x.typ, x.name, key)
	}
	return folded, ok
}

// find asks for key with a null byte and without one, as far as the table has
// both.
func (x *indexFile) find(key string, get func([]byte) ([]byte, bool, error)) (value []byte, ok bool, err error) {
	x.key = append(append(x.key[:0], key...), 0)
	if x.flags&Try1Null != 0 {
		value, ok, err = get(x.key)
	}
	if x.flags&Try0Null != 0 && !ok && err == nil {
		value, ok, err = get(x.key[:len(key)])
	}
	return value, ok, err
}

// answer makes an answer of what find has found.
func (x *indexFile) answer(key, value string, ok bool, err error, f Flags) Answer {
	switch {
	case err != nil:
		return Answer{Status: x.failed(err)}
	case !ok:
		return Answer{Status: NoKey}
	case f&(UTF8Request|UTF8Active) != 0 && !utf8.ValidString(value):
		x.e.Log.Warnf("%s:%s: key \"%s\": non-UTF-8 value \"%s\": malformed UTF-8 or invalid codepoint", x.typ, x.name, key, value)
		return Answer{Status: Config}
	}
	return Answer{Value: value, Status: OK}
}

// failed logs that the file could not be read. Somebody may be about to repair
// it.
func (x *indexFile) failed(err error) Status {
	x.e.Log.Warnf("error reading %s:%s: %s", x.typ, x.name, maillog.Strerror(err))
	return Retry
}

// text is what b holds up to its first null byte.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
