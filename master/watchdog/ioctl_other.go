// SPDX-License-Identifier: ISC

//go:build !linux

package watchdog

import (
	"os"

	"golang.org/x/sys/unix"
)

// setTimeout: no other system has devices of this kind.
func setTimeout(int, int) (int, error) { return 0, os.NewSyscallError("ioctl", unix.ENOTTY) }

func isStoppable(int) bool { return false }
