// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
	"postloop/master/names"
)

// checkInet finds an inet service's port, addresses and canonical name.
func (t *transaction) checkInet(w *wanted) error {
	spec := w.spec
	port, err := t.names.Port(spec.Port, "tcp", t.params.KnownTCPPorts)
	if err != nil {
		if errors.Is(err, names.ErrPending) {
			return err
		}
		return fmt.Errorf("service %q: unknown port name %q; use a number, or add it to known_tcp_ports", spec.Name, spec.Port)
	}
	v4, v6 := t.params.InetProtocols.IPv4, t.params.InetProtocols.IPv6
	list := t.addrs
	number := strconv.Itoa(port)
	switch {
	case spec.Host != "":
		if list, err = t.names.Host(spec.Host, v4, v6); err != nil && errors.Is(err, names.ErrPending) {
			return err
		}
		if err != nil || len(list) == 0 {
			return fmt.Errorf("bad hostname or network address: %s", spec.Name)
		}
		w.key.name = "[" + spec.Host + "]:" + number
	case strings.EqualFold(strings.TrimSpace(t.params.InetInterfaces), "all"):
		list = wildcards(v4, v6)
		w.key.name = number
	default:
		w.key.name = number
	}
	w.key.typ = cfg.Inet
	if len(list) == 0 {
		return fmt.Errorf("service %q: service definition requires valid host name or address, or non-empty inet_interfaces setting", spec.Name)
	}
	w.addrs = make([]netip.AddrPort, len(list))
	w.localOnly = true
	for i, addr := range list {
		w.addrs[i] = netip.AddrPortFrom(addr.Unmap(), uint16(port))
		w.localOnly = w.localOnly && addr.IsLoopback()
	}
	slices.SortFunc(w.addrs, netip.AddrPort.Compare) // IPv4 first
	w.addrs = slices.Compact(w.addrs)
	t.claimAddrs(w)
	return nil
}

// wildcards are the addresses that stand for all of a protocol.
func wildcards(v4, v6 bool) (list []netip.Addr) {
	if v4 {
		list = append(list, netip.IPv4Unspecified())
	}
	if v6 {
		list = append(list, netip.IPv6Unspecified())
	}
	return list
}
