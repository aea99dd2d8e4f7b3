// SPDX-License-Identifier: ISC

package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// openPidfd returns a descriptor of a child, which may have ended, or -1.
func openPidfd(pid int) int {
	fd, err := unix.PidfdOpen(pid, 0) // close-on-exec by nature
	if err != nil {
		return -1
	}
	return fd
}

// isChild reports whether pid is a child of this process. Nothing is reaped.
func isChild(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
