// SPDX-License-Identifier: ISC

//go:build !linux

package dbtest

import "syscall"

// dieWithParent does nothing here.
func dieWithParent(*syscall.SysProcAttr) {}
