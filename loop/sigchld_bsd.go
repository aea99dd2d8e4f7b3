// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

var sigchld os.Signal = unix.SIGCHLD

// Exits are learnt from SIGCHLD here, so its handler stays.
func defaultSigchld() {}
func handleSigchld()  {}

// unblockSignals does nothing: children start with the mask that the process
// was started with.
func unblockSignals() {}
