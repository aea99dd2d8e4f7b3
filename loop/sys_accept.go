// SPDX-License-Identifier: ISC

//go:build darwin || netbsd || openbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// accept takes one connection. Its descriptor is not close-on-exec at first,
// which is safe without the lock that net takes: children are started by the
// same goroutine, and it is here.
func accept(fd int, blocking bool) (int, Peer, error) {
	c, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, Peer{}, err
	}
	unix.CloseOnExec(c)
	// It has the listener's mode here: non-blocking.
	if err := unix.SetNonblock(c, !blocking); err != nil {
		_ = unix.Close(c)
		return -1, Peer{}, os.NewSyscallError("fcntl", err)
	}
	return c, newPeer(c, sa), nil
}
