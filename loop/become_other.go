// SPDX-License-Identifier: ISC

//go:build !linux

package loop

import "golang.org/x/sys/unix"

// Become is for Linux only, so far.
func Become(string, []string, []string, []int) error { return unix.ENOSYS }

// Inheritable is for Linux only, so far.
func Inheritable(int) ([]int, error) { return nil, unix.ENOSYS }

// UnblockSignals has nothing to undo.
func (l *Loop) UnblockSignals() {}
