// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// CloseOnExecFrom marks every open descriptor from fd on, so that no child
// inherits what this process was started with. Marking is safe where closing
// is not: some of them are the Go runtime's.
//
// It asks for every number there may be: /dev/fd lists no more than three
// where fdescfs is not mounted.
func CloseOnExecFrom(fd int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	for n := fd; n < int(min(uint64(limit.Cur), 1<<20)); n++ {
		unix.CloseOnExec(n)
	}
	return nil
}
