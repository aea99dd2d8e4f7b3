// SPDX-License-Identifier: ISC

package loop_test

import "golang.org/x/sys/unix"

// waitid waits for a child's end and leaves it to be collected.
func waitid(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
