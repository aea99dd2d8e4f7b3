// SPDX-License-Identifier: ISC

//go:build linux

package maillog

import (
	"syscall"
	"unsafe"
)

const wordBits = 8 * int(unsafe.Sizeof(syscall.FdSet{}.Bits[0]))

func setBit(set *syscall.FdSet, fd int) bool {
	if fd < 0 || fd >= wordBits*len(set.Bits) {
		return false
	}
	set.Bits[fd/wordBits] |= 1 << (fd % wordBits)
	return true
}

func hasBit(set *syscall.FdSet, fd int) bool {
	return set.Bits[fd/wordBits]&(1<<(fd%wordBits)) != 0
}

func selectWrite(n int, set *syscall.FdSet, tv *syscall.Timeval) error {
	_, err := syscall.Select(n, nil, set, nil, tv)
	return err
}
