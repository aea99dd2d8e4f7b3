// SPDX-License-Identifier: ISC

//go:build freebsd

package maillog

import (
	"syscall"
	"unsafe"
)

const wordBits = 8 * int(unsafe.Sizeof(syscall.FdSet{}.X__fds_bits[0]))

func setBit(set *syscall.FdSet, fd int) bool {
	if fd < 0 || fd >= wordBits*len(set.X__fds_bits) {
		return false
	}
	set.X__fds_bits[fd/wordBits] |= 1 << (fd % wordBits)
	return true
}

func hasBit(set *syscall.FdSet, fd int) bool {
	return set.X__fds_bits[fd/wordBits]&(1<<(fd%wordBits)) != 0
}

func selectWrite(n int, set *syscall.FdSet, tv *syscall.Timeval) error {
	return syscall.Select(n, nil, set, nil, tv)
}
