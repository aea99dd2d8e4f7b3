// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postloop/cfg"
	"postloop/master/names"
)

// errNoInterfaces says that this system does not tell its addresses.
var errNoInterfaces = errors.New("addresses of interfaces are not known on this system")

// resolveInterfaces returns the addresses that inet_interfaces stands for: those of
// services without a host.
func resolveInterfaces(n *names.Resolver, p *cfg.Params) ([]netip.Addr, error) {
	local, err := Interfaces()
	if err != nil && !errors.Is(err, errNoInterfaces) {
		return nil, err
	}
	known := err == nil
	return chooseInterfaces(n, p.InetInterfaces, local, known, p.InetProtocols.IPv4, p.InetProtocols.IPv6)
}

// chooseInterfaces picks from the local addresses those that words stand for. Where the
// local ones are not known, a listed address is believed, and bind will tell.
// Nothing chosen by nothing is no error: no service may need it.
func chooseInterfaces(n *names.Resolver, words string, local []netip.Addr, known, v4, v6 bool) ([]netip.Addr, error) {
	local = names.OfFamily(local, v4, v6)
	if known && len(local) == 0 && (v4 || v6) {
		return nil, errors.New("could not find any active network interfaces")
	}
	var list []netip.Addr
	var pending error
	for _, word := range strings.FieldsFunc(words, isSeparator) {
		switch word {
		case "all":
			return local, nil
		case "loopback-only":
			return loopback(local, known, v4, v6), nil
		}
		addrs, err := n.Host(strings.Trim(word, "[]"), v4, v6)
		switch {
		case errors.Is(err, names.ErrPending):
			pending = err
			continue
		case err != nil:
			return nil, fmt.Errorf("host not found: %s", word)
		}
		for _, addr := range addrs {
			if known && !isLocal(local, addr) {
				return nil, fmt.Errorf("no local interface found for %s", addr)
			}
			if !slices.Contains(list, addr) {
				list = append(list, addr)
			}
		}
	}
	return list, pending
}

// isSeparator reports whether c ends a word of inet_interfaces. A line end
// does not in Postfix, but none is left in a value anyway.
func isSeparator(c rune) bool { return c == ' ' || c == '\t' || c == ',' }

// loopback returns the local addresses that no other machine reaches.
func loopback(local []netip.Addr, known, v4, v6 bool) (list []netip.Addr) {
	if !known {
		return names.OfFamily([]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, v4, v6)
	}
	for _, addr := range local {
		if addr.IsLoopback() {
			list = append(list, addr)
		}
	}
	return list
}

// isLocal compares without the zone if addr comes without one.
func isLocal(local []netip.Addr, addr netip.Addr) bool {
	for _, l := range local {
		if l == addr || addr.Zone() == "" && l.WithZone("") == addr {
			return true
		}
	}
	return false
}
