// SPDX-License-Identifier: ISC

// Package datafile has the file of a database that other processes use as well:
// its locks, and whether it is still what it was.
package datafile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is the sort of lock that those who use the file agree on.
type Kind int

const (
	Flock  Kind = iota // flock(2)
	Record             // fcntl(2), of the whole file
)

// ErrBusy is for a file that somebody else has locked.
var ErrBusy = errors.New("resource temporarily unavailable")

// How long it takes until it is tried again what a lock did not let happen.
const (
	againFirst = time.Millisecond
	againMost  = 32 * time.Millisecond
)

// File is an open file. Its descriptor is nobody else's, so that neither a lock
// nor its end has to do with what a library does with the file.
type File struct {
	Path string
	kind Kind
	fd   int
}

// State is what a file was when it was looked at.
type State struct {
	dev, ino     uint64
	Size         int64
	mtime, ctime unix.Timespec
}

// Open opens a file, which has to be a regular one. It waits for nobody.
func Open(path string, kind Kind, create bool) (*File, error) {
	how := unix.O_RDWR | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if create {
		how |= unix.O_CREAT
	}
	fd, err := unix.Open(path, how, 0o644)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd)
		return nil, errors.New("not a regular file")
	}
	return &File{Path: path, kind: kind, fd: fd}, nil
}

// Close lets go of the file, and of what is locked.
func (f *File) Close() {
	f.Unlock()
	_ = unix.Close(f.fd)
}

// Lock waits until nobody has the file locked who could mind, or ctx is over.
func (f *File) Lock(ctx context.Context, exclusive bool) error {
	began := time.Now()
	for pause := againFirst; ; pause = min(2*pause, againMost) {
		err := f.TryLock(exclusive)
		if !errors.Is(err, ErrBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v for those who have it locked", time.Since(began).Round(time.Second/10))
		case <-time.After(pause):
		}
	}
}

// TryLock is Lock without waiting: the error is ErrBusy then.
func (f *File) TryLock(exclusive bool) error {
	err := f.lock(true, exclusive)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrBusy
	}
	return err
}

// Unlock lets others lock it.
func (f *File) Unlock() { _ = f.lock(false, false) }

func (f *File) lock(on, exclusive bool) error {
	if f.kind == Record {
		how := unix.Flock_t{Type: unix.F_UNLCK}
		switch {
		case on && exclusive:
			how.Type = unix.F_WRLCK
		case on:
			how.Type = unix.F_RDLCK
		}
		return again(func() error { return unix.FcntlFlock(uintptr(f.fd), setLock, &how) })
	}
	how := unix.LOCK_UN
	switch {
	case on && exclusive:
		how = unix.LOCK_EX | unix.LOCK_NB
	case on:
		how = unix.LOCK_SH | unix.LOCK_NB
	}
	return again(func() error { return unix.Flock(f.fd, how) })
}

// again calls f until no signal interrupts it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// State is what the file is now.
func (f *File) State() (State, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return State{}, err
	}
	return state(&st), nil
}

// Replaced reports whether the path leads to another file, or to none.
func (f *File) Replaced() bool {
	var now, st unix.Stat_t
	if unix.Fstat(f.fd, &now) != nil {
		return true
	}
	err := unix.Stat(f.Path, &st)
	return errors.Is(err, unix.ENOENT) || err == nil && (st.Ino != now.Ino || st.Dev != now.Dev)
}

// ReadAt reads all of b.
func (f *File) ReadAt(b []byte, at int64) error {
	n, err := unix.Pread(f.fd, b, at)
	if err == nil && n < len(b) {
		err = unix.EIO
	}
	return err
}
