// SPDX-License-Identifier: ISC

//go:build darwin || freebsd

package loop

import "golang.org/x/sys/unix"

// peerCred knows no process: xucred has had a place for one since FreeBSD 13
// only, and x/sys has none.
func peerCred(fd int) (uid, gid, pid int, ok bool) {
	const solLocal = 0 // SOL_LOCAL
	c, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil || c.Ngroups < 1 {
		return 0, 0, 0, false
	}
	return int(c.Uid), int(c.Groups[0]), 0, true
}
