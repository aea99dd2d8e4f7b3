// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"

	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Lock is a file that says, by being locked, that a master runs. Postfix's
// scripts and a real master look at the same file: it is locked with
// flock(2), and stays where it is when its master has gone.
type Lock struct {
	path string
	fd   int
}

// OpenLock opens the file path, or creates it as owner, and locks it. The lock
// lasts until Close or the end of the process; processes that we start do not
// inherit it. The error is the one that Postfix logs; it is unix.EWOULDBLOCK
// underneath if another process has the lock.
func OpenLock(path string, owner Ids) (*Lock, error) {
	l := &Lock{path: path, fd: -1}
	if err := owner.Do(l.open); err != nil {
		return nil, fmt.Errorf("open lock file %s: %w", path, err)
	}
	return l, nil
}

func (l *Lock) open() error {
	fd, err := maillog.SafeOpen(l.path, unix.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("unable to set exclusive lock: %w", maillog.Reason(err)) // Postfix's words
	}
	l.fd = fd
	return nil
}

// AdoptLock is a lock that another program in this process has taken.
func AdoptLock(path string, fd int) *Lock { return &Lock{path: path, fd: fd} }

// Place is where the file is, and its descriptor.
func (l *Lock) Place() (path string, fd int) { return l.path, l.fd }

// WritePid puts the number of the master into the file: 32 columns and a
// newline, always the same length, so that a reader never sees half of it.
func (l *Lock) WritePid(pid int) error {
	line := fmt.Appendf(nil, "%32d\n", pid)
	n, err := unix.Pwrite(l.fd, line, 0)
	switch {
	case err != nil:
		return fmt.Errorf("cannot update lock file %s: %s", l.path, maillog.Strerror(err))
	case n < len(line):
		return fmt.Errorf("cannot update lock file %s: %s", l.path, maillog.Strerror(unix.ENOSPC))
	}
	return nil
}

// Close gives the lock up.
func (l *Lock) Close() error { return unix.Close(l.fd) }

// TestLock reports whether a master has the lock file path, which is left as
// it is. Where there is no such file, there is no master. An error means that
// the file cannot be trusted or opened, and says nothing about a master.
func TestLock(path string) (running bool, err error) {
	if err := unix.Access(path, unix.F_OK); err != nil {
		return false, nil
	}
	l, err := OpenLock(path, Ids{})
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return true, nil
	case err != nil:
		return false, err
	}
	return false, l.Close()
}
