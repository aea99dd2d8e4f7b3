// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Client is one element of a list of clients: a network, or a user of this
// system, who connects over a unix-domain socket.
type Client struct {
	Net  netip.Prefix // of IPv4 where it can be; not valid for a user
	User string       // the name; empty: it is UID
	UID  int
}

func (c Client) String() string {
	switch {
	case !c.Net.IsValid():
		return UserPrefix + c.user()
	case c.Net.IsSingleIP():
		return c.Net.Addr().String()
	}
	return c.Net.String()
}

func (c Client) user() string {
	if c.User != "" {
		return c.User
	}
	return strconv.Itoa(c.UID)
}

// UserPrefix is what a user begins with in a list of clients.
const UserPrefix = "uid:"

// parseClients reads a list of addresses, networks and users: 192.0.2.1,
// 10.0.0.0/8, ::1, [2001:db8::]/32, uid:policyd, uid:1000. The error has
// everything that is wrong.
func parseClients(text string) (list []Client, err error) {
	var wrong []string
	for _, word := range SplitList(text) {
		c, err := parseClient(word)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", word, err))
			continue
		}
		list = append(list, c)
	}
	if wrong != nil {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return list, nil
}

var errClient = errors.New("specify an address, a network such as 10.0.0.0/8 or [2001:db8::]/32, or uid: and a user")

func parseClient(word string) (c Client, err error) {
	if user, ok := strings.CutPrefix(word, UserPrefix); ok {
		return parseUser(user)
	}
	address, length, isNet := strings.Cut(word, "/")
	if inner, ok := strings.CutPrefix(address, "["); ok {
		if address, ok = strings.CutSuffix(inner, "]"); !ok {
			return c, errClient
		}
	}
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Zone() != "" {
		return c, errClient
	}
	bits := addr.BitLen()
	if isNet {
		n, err := strconv.Atoi(length)
		if err != nil || !isPlainNumber(length) || n < 0 || n > bits {
			return c, fmt.Errorf("specify a prefix length from 0 to %d", bits)
		}
		bits = n
	}
	if addr.Is4In6() {
		const before = 96 // bits that say that it is one of IPv4
		if bits < before {
			return c, errors.New("specify an IPv4 network without IPv6's prefix")
		}
		addr, bits = addr.Unmap(), bits-before
	}
	c.Net = netip.PrefixFrom(addr, bits)
	if masked := c.Net.Masked(); masked != c.Net {
		return c, fmt.Errorf("non-null host address bits; did you mean %s", masked)
	}
	return c, nil
}

func parseUser(user string) (c Client, err error) {
	switch {
	case user == "":
		return c, errClient
	case !allDigits(user):
		return Client{User: user}, nil
	}
	n, err := strconv.ParseUint(user, 10, 32)
	if err != nil || n == math.MaxUint32 || n > math.MaxInt {
		return c, errors.New("that is no user's number")
	}
	return Client{UID: int(n)}, nil
}
