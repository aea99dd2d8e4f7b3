// SPDX-License-Identifier: ISC

package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Errors that a program may want to tell from others.
var (
	// ErrIdle ends a connection on which nothing has moved for Limits.Idle.
	ErrIdle = errors.New("idle for too long")
	// ErrTooLong ends a connection that has Limits.Input bytes which its Handler
	// cannot use.
	ErrTooLong = errors.New("input too long")
	// ErrClosed is what connections learn from Close, and what methods return
	// after it.
	ErrClosed = errors.New("loop closed")
	// ErrSignal is that of Become when a signal came in the last moment. The next
	// turn has it.
	ErrSignal = errors.New("a signal has come")
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
