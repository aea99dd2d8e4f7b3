// SPDX-License-Identifier: ISC

//go:build linux && !s390x

package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"postloop/services/lspawn/worker/record"
	"postloop/services/table/worker"
)

// Flags of dlopen(3) that purego does not name.
const (
	deepBind = 0x8
	noDelete = 0x1000
)

// passwd is struct passwd of the C library.
type passwd struct {
	name, passwd      *byte
	uid, gid          uint32
	gecos, dir, shell *byte
}

// base is a library.
type base struct {
	s    *worker.Settings
	path func() (string, error)

	file            os.FileInfo // what is loaded; nil: nothing
	isVirtualDomain func(domain *byte) int32
	iopen           func(host *byte) int32
	iclose          func()
	sqlGetpw        func(user, domain *byte) *passwd
	inquery         func(kind int8, email, ip *byte) *passwd
	userNotFound    *int32
	isInactive      *int32
}

// Open is for the settings control, the directory of control files, and cache:
// yes, if users are asked of inquery instead of sql_getpw. The rest is in the
// environment.
func Open(getenv func(string) string) worker.Open {
	return func(s *worker.Settings) (worker.Table, error) {
		runtime.LockOSThread()
		b := &base{s: s}
		b.path = func() (string, error) {
			if path := getenv("VIRTUAL_PKG_LIB"); path != "" {
				return path, nil
			}
			name := s.String("control") + "/libindimail"
			text, err := os.ReadFile(name)
			if err != nil {
				return "", err
			}
			line, _, _ := strings.Cut(string(text), "\n")
			if line = strings.TrimRight(line, " \t\r"); line == "" {
				return "", errors.New(name + ": no path")
			}
			return line, nil
		}
		return b, nil
	}
}

// Close does nothing: the end of the process does it all.
func (b *base) Close() {}

// Lookup answers.
func (b *base) Lookup(_ context.Context, key string) (values []string, err error) {
	if err := b.load(); err != nil {
		return nil, worker.ConfigError{Err: fmt.Errorf("library: %w", err)}
	}
	user, domain, ok := record.Split(key)
	switch {
	case !ok:
		if b.isVirtualDomain(text(key)) == 0 {
			return nil, nil
		}
		return []string{""}, nil
	case b.s.Bool("cache"):
		return b.found(domain, "inquery", func() *passwd { return b.inquery(3, text(key), nil) })
	}
	if b.iopen(nil) != 0 {
		return nil, errors.New("library: iopen: no connection to the database")
	}
	values, err = b.found(domain, "sql_getpw", func() *passwd { return b.sqlGetpw(text(user), text(domain)) })
	if err != nil {
		b.iclose()
	}
	return values, err
}

// found has a user looked up. What the variables of the library say is of this
// call then, and of no other.
func (b *base) found(domain, name string, call func() *passwd) (values []string, err error) {
	*b.userNotFound, *b.isInactive = 0, 0
	p := call()
	switch {
	case p != nil:
	case *b.userNotFound != 0:
		return nil, nil
	default:
		return nil, fmt.Errorf("library: %s: no answer", name)
	}
	r := record.Record{UID: p.uid, GID: p.gid, Inactive: *b.isInactive != 0}
	for _, field := range []struct {
		to   *string
		from *byte
	}{{&r.Name, p.name}, {&r.Passwd, p.passwd}, {&r.Gecos, p.gecos}, {&r.Dir, p.dir}, {&r.Shell, p.shell}} {
		if *field.to, err = goString(field.from); err != nil {
			return nil, fmt.Errorf("library: %s: %w", name, err)
		}
	}
	return []string{r.Text(domain)}, nil
}

// load has the library loaded that is to be, or ends the process if that is
// another one than the one which is.
func (b *base) load() error {
	path, err := b.path()
	if err != nil {
		return err
	}
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	if b.file != nil {
		if !os.SameFile(b.file, file) {
			os.Exit(0)
		}
		return nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL|deepBind|noDelete)
	if err != nil {
		return err
	}
	for _, symbol := range []struct {
		name     string
		function any
		variable **int32
	}{
		{"isvirtualdomain", &b.isVirtualDomain, nil},
		{"iopen", &b.iopen, nil},
		{"iclose", &b.iclose, nil},
		{"sql_getpw", &b.sqlGetpw, nil},
		{"inquery", &b.inquery, nil},
		{"userNotFound", nil, &b.userNotFound},
		{"is_inactive", nil, &b.isInactive},
	} {
		at, err := purego.Dlsym(handle, symbol.name)
		switch {
		case err != nil:
			return err
		case symbol.function != nil:
			purego.RegisterFunc(symbol.function, at)
		default:
			*symbol.variable = *(**int32)(unsafe.Pointer(&at))
		}
	}
	b.file = file
	return nil
}

// text returns s as C has it, in memory that the library may write to.
func text(s string) *byte {
	return &append([]byte(s), 0)[0]
}

// maxText is the longest string that is taken from a library.
const maxText = 64 << 10

// goString copies a string of C's. A null pointer is an empty one.
func goString(p *byte) (string, error) {
	if p == nil {
		return "", nil
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		if n++; n > maxText {
			return "", errors.New("a string without an end")
		}
	}
	return string(unsafe.Slice(p, n)), nil
}
