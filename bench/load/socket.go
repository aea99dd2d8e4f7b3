// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mark is called when the counted time begins and when it is over; nil is
// nobody who wants to know.
type Mark func()

func (m Mark) now() {
	if m != nil {
		m()
	}
}

// sockaddr is an address as package unix has it.
func sockaddr(addr netip.AddrPort, path string) (unix.Sockaddr, int, error) {
	if path != "" {
		return &unix.SockaddrUnix{Name: path}, unix.AF_UNIX, nil
	}
	if !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return nil, 0, fmt.Errorf("load on %s: not an IPv4 address of this machine's loopback", addr)
	}
	return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, unix.AF_INET, nil
}

// send writes all of text at once: what is sent is small, and whoever cannot
// take it does not read.
func send(fd int, text []byte) error {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	switch {
	case errno != 0:
		return os.NewSyscallError("write", errno)
	case int(n) != len(text):
		return fmt.Errorf("%d bytes of %d could be sent", n, len(text))
	}
	return nil
}

// reset ends a connection without an orderly end, if there is one. The server
// has closed its side already, or the client has given up: else every
// connection would stay behind for a minute, and the tenth run would be measured
// among the remains of nine.
func reset(fd int) {
	if fd <= 0 {
		return
	}
	linger := unix.Linger{Onoff: 1}
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger)
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}
