// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"postloop/cfg"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Socket is one that master was started with: whoever has started it has
// opened it, and keeps it open. It stays as it is for as long as master lives;
// services listen on copies.
type Socket struct {
	FD   int
	Name string // may be empty
}

// inherited is a Socket that is known.
type inherited struct {
	Socket
	typ  cfg.Type       // Inet or Unix; 0: no service can have it, because of wrong
	addr netip.AddrPort // of an Inet one
	both bool           // it takes IPv4 clients as well
	path string         // of a Unix one, absolute
	why  string
}

// inherit finds out what a socket is.
func inherit(s Socket) *inherited {
	h := &inherited{Socket: s}
	sa, err := unix.Getsockname(s.FD)
	if err != nil {
		h.why = maillog.Strerror(err)
		return h
	}
	kind, _ := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_TYPE)
	listens, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if kind != unix.SOCK_STREAM || err == nil && listens == 0 {
		h.why = "not a listening stream socket"
		return h
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		h.typ, h.addr = cfg.Inet, netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		h.typ, h.addr = cfg.Inet, netip.AddrPortFrom(ip, uint16(sa.Port))
		only, err := unix.GetsockoptInt(s.FD, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		h.both = err == nil && only == 0 && ip.IsUnspecified()
	case *unix.SockaddrUnix:
		h.typ, h.path = cfg.Unix, sa.Name
	default:
		h.why = "neither an inet nor a unix-domain socket"
	}
	return h
}

// String is the socket in the log.
func (h *inherited) String() string {
	text := fmt.Sprintf("inherited socket %d", h.FD)
	if h.Name != "" {
		text += fmt.Sprintf(" %q", h.Name)
	}
	switch h.typ {
	case cfg.Inet:
		text += " (" + h.addr.String() + ")"
	case cfg.Unix:
		text += " (" + h.path + ")"
	case cfg.Fifo, cfg.Pass, cfg.UnixDgram: // no such service can have one
	}
	return text
}

// isFor reports whether h has the name of a service.
func (h *inherited) isFor(spec *cfg.Service) bool {
	return h.typ == spec.Type && h.Name != "" && (h.Name == spec.Name || h.Name == spec.Label || h.Name == spec.FullName())
}

// open returns a listener of its own on h.
func (h *inherited) open(o listenOptions) (*listener, error) {
	fd, err := unix.FcntlInt(uintptr(h.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		err = unix.Listen(fd, o.backlog)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("%s: %s", h, maillog.Strerror(err))
	}
	return &listener{fd: fd, addr: h.addr, from: h}, nil
}

// claimAddrs gives w the addresses of the sockets that are there for it. Those
// that have its name are all it listens on. One that takes IPv4 clients as well
// leaves none for a socket of their own.
func (t *transaction) claimAddrs(w *wanted) {
	var named []netip.AddrPort
	for _, h := range t.m.sockets {
		if h.isFor(w.spec) && !slices.Contains(named, h.addr) {
			named = append(named, h.addr)
		}
	}
	if named != nil {
		w.addrs = named
		w.localOnly = !slices.ContainsFunc(named, func(a netip.AddrPort) bool { return !a.Addr().IsLoopback() })
		return
	}
	for _, h := range t.m.sockets {
		if h.both && slices.Contains(w.addrs, h.addr) {
			four := netip.AddrPortFrom(netip.IPv4Unspecified(), h.addr.Port())
			w.addrs = slices.DeleteFunc(slices.Clone(w.addrs), func(a netip.AddrPort) bool { return a == four })
		}
	}
}

// inheritedAddr returns the socket on addr, or nil.
func (m *Master) inheritedAddr(addr netip.AddrPort) *inherited {
	for _, h := range m.sockets {
		if h.typ == cfg.Inet && h.addr == addr {
			return h
		}
	}
	return nil
}

// inheritedPath returns the socket for a service that has a file, or nil: the one
// with its name, or with its path.
func (m *Master) inheritedPath(spec *cfg.Service, queue string) *inherited {
	path := filepath.Join(queue, spec.Path())
	at := slices.IndexFunc(m.sockets, func(h *inherited) bool { return h.isFor(spec) })
	if at < 0 {
		at = slices.IndexFunc(m.sockets, func(h *inherited) bool { return h.typ == cfg.Unix && spec.Type == cfg.Unix && h.path == path })
	}
	if at < 0 {
		return nil
	}
	return m.sockets[at]
}

// reportSockets warns of those that nobody has: their clients wait for ever.
func (m *Master) reportSockets() {
	used := map[*inherited]bool{}
	for _, s := range m.services {
		for _, ln := range s.listeners {
			used[ln.from] = true
		}
	}
	for _, h := range m.sockets {
		switch {
		case used[h]:
		case h.typ == 0:
			m.log.Warnf("%s: %s -- ignored", h, h.why)
		default:
			m.log.Warnf("%s: no service has this address or name -- nobody is served there", h)
		}
	}
}
