// SPDX-License-Identifier: ISC

package maillog

import (
	"syscall"
	"unsafe"
)

const wordBits = 8 * int(unsafe.Sizeof(syscall.FdSet{}.X__fds_bits[0]))

func setBit(set *syscall.FdSet, bit int) { set.X__fds_bits[bit/wordBits] |= 1 << (bit % wordBits) }

func hasBit(set *syscall.FdSet, bit int) bool {
	return set.X__fds_bits[bit/wordBits]&(1<<(bit%wordBits)) != 0
}
