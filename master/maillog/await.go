// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"syscall"
	"time"
)

// writable reports whether a write of maxLine bytes to fd, which may be in
// blocking mode, would be taken at once.
func writable(fd int) bool { return await(fd, 0) == nil }

// await returns nil once fd is writable, EAGAIN when it is not within limit.
// A descriptor too large for select is refused with EINVAL.
func await(fd int, limit time.Duration) error {
	var set syscall.FdSet
	if !setBit(&set, fd) {
		return syscall.EINVAL
	}
	tv := syscall.NsecToTimeval(limit.Nanoseconds())
	err := selectWrite(fd+1, &set, &tv)
	switch {
	case errors.Is(err, syscall.EINTR):
		if limit > 0 {
			return nil // look again, there is time
		}
		return syscall.EAGAIN
	case err != nil:
		return err
	case !hasBit(&set, fd):
		return syscall.EAGAIN
	}
	return nil
}
