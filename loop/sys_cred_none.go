// SPDX-License-Identifier: ISC

//go:build dragonfly || netbsd || openbsd

package loop

// peerCred knows nobody: x/sys has no call for it here.
func peerCred(int) (uid, gid, pid int, ok bool) { return 0, 0, 0, false }
