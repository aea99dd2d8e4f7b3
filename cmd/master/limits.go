// SPDX-License-Identifier: ISC

package main

import "syscall"

// raiseFiles raises the limit of open files as far as it goes, here and, as
// they find it under Postfix's master, in all daemons.
//
// It must be package syscall's call: only that tells the runtime that the
// limit is meant for children, too.
func raiseFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	limit.Cur = limit.Max
	// Where the system has a lower ceiling of its own the limit stays as it is.
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
