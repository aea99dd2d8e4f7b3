// SPDX-License-Identifier: ISC

//go:build linux && !386 && !arm

package ids

import "golang.org/x/sys/unix"

const (
	setresuid = unix.SYS_SETRESUID
	setresgid = unix.SYS_SETRESGID
)
