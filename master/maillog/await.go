// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"syscall"
	"time"
	"unsafe"
)

// setBits is how many descriptors one FdSet has room for.
const setBits = 8 * int(unsafe.Sizeof(syscall.FdSet{}))

// writable reports whether a write of maxLine bytes to fd, which may be in
// blocking mode, would be taken at once.
func writable(fd int) bool { return await(fd, 0) == nil }

// await returns nil once fd is writable, EAGAIN when it is not within limit.
func await(fd int, limit time.Duration) error {
	if fd < 0 {
		return syscall.EBADF
	}
	// The size of an FdSet is the C library's choice. The kernel reads and
	// writes as many bits as it is told to.
	sets := make([]syscall.FdSet, fd/setBits+1)
	last := &sets[fd/setBits]
	setBit(last, fd%setBits)
	tv := syscall.NsecToTimeval(limit.Nanoseconds())
	err := selectWrite(fd+1, &sets[0], &tv)
	switch {
	case errors.Is(err, syscall.EINTR):
		if limit > 0 {
			return nil // look again, there is time
		}
		return syscall.EAGAIN
	case err != nil:
		return err
	case !hasBit(last, fd%setBits):
		return syscall.EAGAIN
	}
	return nil
}
