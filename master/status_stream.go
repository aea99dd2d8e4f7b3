// SPDX-License-Identifier: ISC

//go:build darwin

package master

import "golang.org/x/sys/unix"

// Local sockets have no sequenced packets on this system.
const statusSocketType = unix.SOCK_STREAM
