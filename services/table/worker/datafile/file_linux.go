// SPDX-License-Identifier: ISC

package datafile

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Locks of open files conflict with Postfix's, which are those of processes.
// Unlike these they stay when a library closes its own descriptor of the file.
const setLock = unix.F_OFD_SETLK

func state(st *unix.Stat_t) State {
	return State{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
}

// Reserve sees that the file can become that long, and be written everywhere in
// it, whatever happens to the room on its disk. It is no longer afterwards than
// it was. Where the file system cannot promise that, it does nothing.
func (f *File) Reserve(size int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && uint64(size) > limit.Cur {
		return unix.EFBIG
	}
	err := again(func() error { return unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// Stamp gives the file a time of its last change that no change of others can
// have: theirs are whole ticks of the system's clock. Then the state afterwards
// is the file's until somebody changes it. It reports whether that has worked:
// only who owns the file may do so.
func (f *File) Stamp() bool {
	now := time.Now()
	at := unix.NsecToTimespec(now.UnixNano())
	return unix.UtimesNanoAt(f.fd, "", []unix.Timespec{{Nsec: unix.UTIME_OMIT}, at}, unix.AT_EMPTY_PATH) == nil
}
