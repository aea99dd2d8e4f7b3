// SPDX-License-Identifier: ISC

package loop

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Peer is the other end of a socket. It costs nothing until it is asked.
type Peer struct {
	addr netip.AddrPort
	kind peerKind
	fd   int
}

type peerKind uint8

const (
	stranger peerKind = iota // not a socket, or of a family unknown here
	inet
	local
)

// PeerOf is the other end of the connected socket fd.
func PeerOf(fd int) Peer {
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return Peer{fd: fd}
	}
	return newPeer(fd, sa)
}

// LocalOf is this end of the connected socket fd, as a Peer of its peer.
func LocalOf(fd int) Peer {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return Peer{fd: fd}
	}
	return newPeer(fd, sa)
}

func newPeer(fd int, sa unix.Sockaddr) Peer {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return Peer{netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), inet, fd}
	case *unix.SockaddrInet6:
		return Peer{netip.AddrPortFrom(inet6(sa.Addr, sa.ZoneId), uint16(sa.Port)), inet, fd}
	case *unix.SockaddrUnix:
		return Peer{kind: local, fd: fd}
	default:
		return Peer{fd: fd}
	}
}

// inet6 is an IPv6 address, or the IPv4 address that it stands for.
func inet6(addr [16]byte, zone uint32) netip.Addr {
	a := netip.AddrFrom16(addr).Unmap()
	if zone != 0 && a.Is6() {
		a = a.WithZone(zoneName(zone))
	}
	return a
}

// String is the address without the port, "unix" for a unix-domain socket, and
// "unknown" for what is not a socket. An IPv4 client of an IPv6 listener has
// its IPv4 address.
func (p Peer) String() string {
	switch p.kind {
	case inet:
		return p.addr.Addr().String()
	case local:
		return "unix"
	case stranger:
	}
	return "unknown"
}

// Port is the port, 0 where there is none.
func (p Peer) Port() int { return int(p.addr.Port()) }

// Addr is the address; the zero Addr where there is none.
func (p Peer) Addr() netip.Addr { return p.addr.Addr() }

// Cred is who connected a unix-domain socket, as the kernel knows it; ok is
// false for other sockets and where the system does not say. It must be asked
// before the descriptor is closed.
func (p Peer) Cred() (uid, gid, pid int, ok bool) {
	if p.kind != local {
		return 0, 0, 0, false
	}
	return peerCred(p.fd)
}
