// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package table

import "golang.org/x/sys/unix"

// Locks of processes end when any descriptor of the file is closed. None is
// while a look-up goes on.
const setLock = unix.F_SETLK
