// SPDX-License-Identifier: ISC

package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Why a connection ended, or a loop refuses.
var (
	ErrIdle    = errors.New("idle for too long")
	ErrTooLong = errors.New("input too long")
	ErrClosed  = errors.New("loop closed")
)

// isShortage reports whether err says that the system, or this process, has
// run out of something; another time it may succeed.
func isShortage(err error) bool {
	for _, e := range [...]unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.ENOSPC} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
