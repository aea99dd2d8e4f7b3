// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || linux || netbsd || openbsd

package maillog

import (
	"syscall"
	"unsafe"
)

const wordBits = 8 * int(unsafe.Sizeof(syscall.FdSet{}.Bits[0]))

func setBit(set *syscall.FdSet, bit int) { set.Bits[bit/wordBits] |= 1 << (bit % wordBits) }

func hasBit(set *syscall.FdSet, bit int) bool {
	return set.Bits[bit/wordBits]&(1<<(bit%wordBits)) != 0
}
