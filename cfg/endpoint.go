// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// Endpoint is where something of this machine alone is listened to: a port of a
// loopback address, or a unix-domain socket. The zero Endpoint is nowhere.
type Endpoint struct {
	Addr netip.AddrPort // of a loopback address; not valid: there is none
	Path string         // of the socket, relative to the queue directory; empty: there is none
}

// None reports whether e is nowhere.
func (e Endpoint) None() bool { return e == Endpoint{} }

// String is e as it is configured, and empty for nowhere.
func (e Endpoint) String() string {
	switch {
	case e.Path != "":
		return unixPrefix + e.Path
	case e.Addr.IsValid():
		return e.Addr.String()
	}
	return ""
}

const unixPrefix = "unix:"

// parseEndpoint reads an endpoint, or nothing. What could be reached from another
// machine is refused, and so is a name, which may stand for anything.
func parseEndpoint(text string) (e Endpoint, err error) {
	if text == "" {
		return e, nil
	}
	if name, ok := strings.CutPrefix(text, unixPrefix); ok {
		switch {
		case name == "":
			return e, errors.New("unix: without the name of a socket; specify one, such as unix:metrics")
		case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return e, fmt.Errorf("bad name of a socket: %q; a blank or a control character cannot be part of it", name)
		case strings.HasSuffix(name, "/"):
			return e, fmt.Errorf("bad name of a socket: %s; it ends with a slash", name)
		}
		return Endpoint{Path: path.Clean(name)}, nil
	}
	addr, err := netip.ParseAddrPort(text)
	switch {
	case err != nil && isPlainNumber(text):
		return e, fmt.Errorf("a port without an address: %s; specify 127.0.0.1:%s", text, text)
	case err != nil:
		return e, fmt.Errorf("bad address: %s; specify a loopback address and a port, such as 127.0.0.1:9199, or a unix-domain socket, such as unix:metrics", text)
	case !addr.Addr().IsLoopback() || addr.Addr().Is4In6():
		return e, fmt.Errorf("%s is not a loopback address; specify 127.0.0.1 or [::1], and let a proxy with a lock on its door face other machines", addr.Addr())
	}
	return Endpoint{Addr: addr}, nil
}
