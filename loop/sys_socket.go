// SPDX-License-Identifier: ISC

//go:build !darwin

package loop

import "golang.org/x/sys/unix"

func socket(family, typ int) (int, error) {
	return unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}
