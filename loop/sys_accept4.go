// SPDX-License-Identifier: ISC

//go:build dragonfly || freebsd || linux

package loop

import "golang.org/x/sys/unix"

// accept takes one connection; its descriptor is close-on-exec from the
// start.
func accept(fd int, blocking bool) (int, unix.Sockaddr, error) {
	flags := unix.SOCK_CLOEXEC
	if !blocking {
		flags |= unix.SOCK_NONBLOCK
	}
	return unix.Accept4(fd, flags)
}
