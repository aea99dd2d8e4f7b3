// SPDX-License-Identifier: ISC

package master

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFlow makes the flow-control pipe. Master never reads or writes it: qmgr
// and cleanup pass tokens through it, and both rely on it not to block. It
// lives as long as the master, through every reload.
func openFlow() (pipe [2]int, err error) {
	if err := unix.Pipe(pipe[:]); err != nil {
		return pipe, os.NewSyscallError("pipe", err)
	}
	for _, fd := range pipe {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			closeAll(pipe[:])
			return pipe, os.NewSyscallError("fcntl", err)
		}
	}
	return pipe, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
