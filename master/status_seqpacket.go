// SPDX-License-Identifier: ISC

//go:build !darwin

package master

import "golang.org/x/sys/unix"

const statusSocketType = unix.SOCK_SEQPACKET
