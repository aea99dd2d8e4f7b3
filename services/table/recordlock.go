// SPDX-License-Identifier: ISC

package table

import (
	"io"

	"golang.org/x/sys/unix"
)

// lockShared takes a shared record lock of the whole file, as Postfix does, if
// no writer is in the way: otherwise the error is EAGAIN or EACCES.
func lockShared(fd int) error { return recordLock(fd, unix.F_RDLCK) }

func unlock(fd int) { _ = recordLock(fd, unix.F_UNLCK) }

func recordLock(fd int, kind int16) error {
	return unix.FcntlFlock(uintptr(fd), setLock, &unix.Flock_t{Type: kind, Whence: io.SeekStart})
}
