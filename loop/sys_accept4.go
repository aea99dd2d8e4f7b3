// SPDX-License-Identifier: ISC

//go:build dragonfly || freebsd

package loop

import "golang.org/x/sys/unix"

// accept takes one connection; its descriptor is close-on-exec from the
// start.
func accept(fd int, blocking bool) (int, Peer, error) {
	flags := unix.SOCK_CLOEXEC
	if !blocking {
		flags |= unix.SOCK_NONBLOCK
	}
	c, sa, err := unix.Accept4(fd, flags)
	if err != nil {
		return -1, Peer{}, err
	}
	return c, newPeer(c, sa), nil
}
