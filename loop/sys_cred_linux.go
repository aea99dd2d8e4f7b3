// SPDX-License-Identifier: ISC

package loop

import "golang.org/x/sys/unix"

func peerCred(fd int) (uid, gid, pid int, ok bool) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, 0, 0, false
	}
	return int(c.Uid), int(c.Gid), int(c.Pid), true
}
