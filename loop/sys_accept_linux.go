// SPDX-License-Identifier: ISC

package loop

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// accept takes one connection; its descriptor is close-on-exec from the
// start. The call is made by hand, because x/sys makes two objects of every
// address.
func accept(fd int, blocking bool) (int, Peer, error) {
	flags := unix.SOCK_CLOEXEC
	if !blocking {
		flags |= unix.SOCK_NONBLOCK
	}
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	// The listener is non-blocking.
	c, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)), uintptr(flags), 0, 0)
	if errno != 0 {
		return -1, Peer{}, errno
	}
	return int(c), rawPeer(int(c), &sa), nil
}

// rawPeer is newPeer for the kernel's own form of an address.
func rawPeer(fd int, sa *unix.RawSockaddrAny) Peer {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return Peer{netip.AddrPortFrom(netip.AddrFrom4(in.Addr), hostPort(&in.Port)), inet, fd}
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return Peer{netip.AddrPortFrom(inet6(in.Addr, in.Scope_id), hostPort(&in.Port)), inet, fd}
	case unix.AF_UNIX:
		return Peer{kind: local, fd: fd}
	}
	return Peer{fd: fd}
}

// hostPort is a port that has the order of the network.
func hostPort(port *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(port))
	return uint16(b[0])<<8 | uint16(b[1])
}
