// SPDX-License-Identifier: ISC

package master

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"slices"
	"syscall"
)

// Interfaces returns the addresses of all network interfaces that are up. The
// answer comes from the kernel itself: there is nothing to wait for.
func Interfaces() ([]netip.Addr, error) {
	links, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	addrs, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	up, err := parseLinks(links)
	if err != nil {
		return nil, err
	}
	return parseAddrs(addrs, up)
}

// parseLinks returns the names of the interfaces that are up, by number.
func parseLinks(rib []byte) (map[uint32]string, error) {
	msgs, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	up := map[uint32]string{}
	for _, m := range msgs {
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		index := binary.NativeEndian.Uint32(m.Data[4:])
		flags := binary.NativeEndian.Uint32(m.Data[8:])
		if flags&syscall.IFF_UP == 0 {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, os.NewSyscallError("netlink", err)
		}
		up[index] = ""
		for _, a := range attrs {
			if a.Attr.Type == syscall.IFLA_IFNAME {
				up[index] = string(bytes.TrimRight(a.Value, "\x00"))
			}
		}
	}
	return up, nil
}

// parseAddrs returns the addresses of those interfaces, each once. Like
// Postfix it leaves one out whose netmask is empty.
func parseAddrs(rib []byte, up map[uint32]string) ([]netip.Addr, error) {
	msgs, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	var list []netip.Addr
	for _, m := range msgs {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		prefix, index := m.Data[1], binary.NativeEndian.Uint32(m.Data[4:])
		name, isUp := up[index]
		if !isUp || prefix == 0 {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, os.NewSyscallError("netlink", err)
		}
		if addr := ownAddr(attrs); addr.IsValid() {
			if addr.IsLinkLocalUnicast() && addr.Is6() {
				addr = addr.WithZone(name)
			}
			if !slices.Contains(list, addr) {
				list = append(list, addr)
			}
		}
	}
	return list, nil
}

// ownAddr prefers our end of a point-to-point link to the other one.
func ownAddr(attrs []syscall.NetlinkRouteAttr) netip.Addr {
	var addr netip.Addr
	for _, kind := range []uint16{syscall.IFA_ADDRESS, syscall.IFA_LOCAL} {
		i := slices.IndexFunc(attrs, func(a syscall.NetlinkRouteAttr) bool { return a.Attr.Type == kind })
		if i < 0 {
			continue
		}
		if a, ok := netip.AddrFromSlice(attrs[i].Value); ok {
			addr = a
		}
	}
	return addr
}
