// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// splitInetName takes the name of an inet service apart: "[host]:port",
// "host:port", ":port" or "port". Without brackets the last colon counts, so
// that "::1:25" is port 25 of ::1. An empty host stands for inet_interfaces.
//
// Only the form is judged here; what a symbolic host or port stands for is
// for whoever binds it to find out.
func splitInetName(name string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inside, after, closed := strings.Cut(inner, "]")
		if !closed {
			return "", "", errors.New(`missing "]"`)
		}
		host, port, ok = strings.Cut(after, ":")
		if host != "" {
			return "", "", errors.New(`garbage after "]"`)
		}
		if !ok || port == "" {
			return "", "", errors.New("missing service information")
		}
		host = inside
		if len(inside) >= 5 && strings.EqualFold(inside[:5], "ipv6:") {
			host = inside[5:]
			if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() || addr.Zone() != "" {
				return "", "", errors.New("malformed IPv6 address")
			}
		}
		if !validHost(host) {
			return "", "", errors.New("valid hostname or network address required")
		}
	} else {
		colon := strings.LastIndexByte(name, ':')
		host, port = name[:max(colon, 0)], name[colon+1:]
		if port == "" {
			return "", "", errors.New("missing service information")
		}
		if host != "" && !validHost(host) {
			return "", "", errors.New("valid hostname or network address required")
		}
	}
	if !isDigit(port[0]) {
		return host, port, nil
	}
	// Postfix would find a port beyond 65535 out only when it listens.
	if number, err := strconv.Atoi(port); errors.Is(err, strconv.ErrSyntax) {
		return "", "", errors.New("garbage after numerical service")
	} else if err != nil || number > 65535 {
		return "", "", errors.New("port number out of range")
	}
	return host, port, nil
}

// validHost reports whether host is an IP address, or a host name whose form
// a look-up may be tried with.
func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	if host == "" || len(host) > 255 {
		return false
	}
	numeric := true
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
				return false
			}
			numeric = numeric && isDigit(label[i])
		}
	}
	return !numeric
}
