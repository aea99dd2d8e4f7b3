// SPDX-License-Identifier: ISC

//go:build linux && (386 || arm)

package ids

import "golang.org/x/sys/unix"

// The calls without "32" take ids of 16 bits here.
const (
	setresuid = unix.SYS_SETRESUID32
	setresgid = unix.SYS_SETRESGID32
)
