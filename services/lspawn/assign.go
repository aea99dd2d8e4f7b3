// SPDX-License-Identifier: ISC

package lspawn

import (
	"bytes"
	"errors"
	"io"

	"postloop/services/table/cdb"

	"golang.org/x/sys/unix"
)

// assignments is users/cdb, which qmail-newu(8) makes of users/assign. The file
// stays open from one delivery to the next, and is opened again when another
// one has taken its place.
type assignments struct {
	path  string
	fd    int // -1: not open
	id    unix.Stat_t
	db    *cdb.Reader
	marks []byte // what a prefix that is assigned ends with: any of these
	key   []byte
}

// find returns the account that is assigned to a local part, if one is, or a
// report when that cannot be known.
func (u *assignments) find(local string) (a account, ok bool, report string) {
	if err := u.open(); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return account{}, false, ""
		}
		return account{}, false, cdbTrouble
	}
	record, ok, err := u.search(local)
	switch {
	case err != nil:
		u.close()
		return account{}, false, cdbTrouble
	case !ok:
		return account{}, false, ""
	}
	a, report = parseAccount(record)
	return a, report == "", report
}

// search returns the record of a local part: its own, or that of its longest
// prefix, to which the rest of it is appended as it was written.
func (u *assignments) search(local string) (record []byte, ok bool, err error) {
	u.key = append(append(append(u.key[:0], '!'), lower(local)...), 0)
	value, ok, err := u.db.Get(u.key)
	if err != nil || ok {
		return terminated(value, ""), ok, err
	}
	for n := len(u.key) - 1; n > 0; n-- {
		if n > 1 && bytes.IndexByte(u.marks, u.key[n-1]) < 0 {
			continue
		}
		value, ok, err = u.db.Get(u.key[:n])
		if err != nil || ok {
			return terminated(value, local[n-1:]), ok, err
		}
	}
	return nil, false, nil
}

// terminated returns the record that a value and the rest of an address make.
func terminated(value []byte, rest string) []byte {
	record := make([]byte, 0, len(value)+len(rest)+1)
	return append(append(append(record, value...), rest...), 0)
}

// open makes sure that the file that is open is the one that is there.
func (u *assignments) open() error {
	now, err := statFile(u.path)
	if err == nil && u.fd >= 0 && now == u.id {
		return nil
	}
	u.close()
	if err != nil {
		return err
	}
	// Whatever it is, opening it does not wait for anybody.
	fd, err := unix.Open(u.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	u.fd = fd
	if err = u.load(); err != nil {
		u.close()
	}
	return err
}

// load begins with a file that has been opened.
func (u *assignments) load() (err error) {
	if u.id, err = fstat(u.fd); err != nil {
		return err
	}
	if u.id.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("not a regular file")
	}
	if u.db, err = cdb.New(reader(u.fd), u.id.Size); err != nil {
		return err
	}
	marks, ok, err := u.db.Get(nil)
	if err == nil && !ok {
		err = cdb.ErrDamaged
	}
	u.marks = bytes.Clone(marks)
	return err
}

func (u *assignments) close() {
	if u.fd >= 0 {
		unix.Close(u.fd)
	}
	u.fd, u.db = -1, nil
}

// statFile and fstat return what tells one state of a file from another. That
// it has been read is no change.
func statFile(path string) (st unix.Stat_t, err error) {
	err = retry(func() error { return unix.Stat(path, &st) })
	st.Atim = unix.Timespec{}
	return st, err
}

func fstat(fd int) (st unix.Stat_t, err error) {
	err = retry(func() error { return unix.Fstat(fd, &st) })
	st.Atim = unix.Timespec{}
	return st, err
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// reader reads a file that somebody else closes.
type reader int

// ReadAt is that of io.ReaderAt.
func (r reader) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		more := 0
		err := retry(func() (err error) {
			more, err = unix.Pread(int(r), b[n:], at+int64(n))
			return err
		})
		if err != nil {
			return n, err
		}
		if more == 0 {
			return n, io.EOF
		}
		n += more
	}
	return n, nil
}
