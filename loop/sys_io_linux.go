// SPDX-License-Identifier: ISC

package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive is read(2), and transmit write(2), on a connection that is ready for
// it. On a socket, calls that never block, whatever others who have it open do
// to its flags: so the runtime, which would make arrangements for the time that
// they take, need not know of them.

func (c *Conn) receive(b []byte) (int, error) {
	if !c.plain {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.watch.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.ENOTSOCK && errno != unix.ENOSYS {
			return 0, errno
		}
		c.plain = true
	}
	return unix.Read(c.watch.fd, b)
}

func (c *Conn) transmit(b []byte) (int, error) {
	if !c.plain {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.watch.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.ENOTSOCK && errno != unix.ENOSYS {
			return 0, errno
		}
		c.plain = true
	}
	return unix.Write(c.watch.fd, b)
}
