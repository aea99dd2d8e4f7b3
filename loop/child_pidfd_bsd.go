// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// withPidfd is sys: there are no pidfds here.
func withPidfd(sys *syscall.SysProcAttr, _ *int) *syscall.SysProcAttr { return sys }

// wasBorn tells from the error alone whether there was a child: fork fails
// for want of something, and hardly anything else does.
func wasBorn(_ int, err error) bool { return !isShortage(err) && err != unix.EAGAIN }
