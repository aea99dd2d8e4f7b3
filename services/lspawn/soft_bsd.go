// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package lspawn

import "golang.org/x/sys/unix"

// softHere are those that not every system has.
var softHere = []unix.Errno{unix.EPROCLIM}
