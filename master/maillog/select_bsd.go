// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package maillog

import "syscall"

func selectWrite(n int, set *syscall.FdSet, tv *syscall.Timeval) error {
	return syscall.Select(n, nil, set, nil, tv)
}
