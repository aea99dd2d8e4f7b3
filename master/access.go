// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/names"
)

// policy is what a hosted service asks of its clients, its names looked up. A
// nil policy asks nothing.
type policy struct {
	cfg.Hosted
	allow, deny roster
	answer      []byte // the line for refused clients; empty: none
}

// newPolicy makes the policy that h describes, nil if nobody can be refused by
// it. user looks names up. All that it fails at are in the error, a userErrors.
func newPolicy(h cfg.Hosted, user func(name string) (names.User, error)) (*policy, error) {
	if h.ClientLimit == 0 && h.ClientRate == (cfg.Rate{}) && len(h.Allow)+len(h.Deny) == 0 && h.QueueLimit == cfg.Backlog {
		return nil, nil
	}
	p := &policy{Hosted: h}
	if h.Refuse.Text != "" {
		p.answer = []byte(h.Refuse.Text + "\r\n")
	}
	var errs userErrors
	number := func(parameter string) func(name string) int {
		return func(name string) int {
			u, err := user(name)
			if err != nil {
				errs = append(errs, userError{parameter, name, err})
			}
			return u.UID
		}
	}
	p.allow.fill(h.Allow, number("hosted_client_allow"))
	p.deny.fill(h.Deny, number("hosted_client_deny"))
	if errs != nil {
		return nil, errs
	}
	p.Allow, p.Deny = nil, nil // the rosters have them
	return p, nil
}

// userErrors are about the users in lists that could not be looked up.
type userErrors []userError

type userError struct {
	parameter, name string
	err             error
}

func (e userErrors) Error() string { return fmt.Sprintf("%d user(s) not looked up", len(e)) }

// restricts reports whether there are clients whom p never lets in.
func (p *policy) restricts() bool { return p != nil && (!p.allow.empty() || !p.deny.empty()) }

// roster is a list of clients. How long it is makes no difference to the time
// that a look-up takes.
type roster struct {
	nets    map[netip.Prefix]struct{}
	lengths [2][]int // of the prefixes of IPv4 and IPv6, the longest first
	users   map[int]string
}

func (r *roster) fill(list []cfg.Client, number func(user string) int) {
	for _, c := range list {
		if !c.Net.IsValid() {
			if c.User != "" {
				c.UID = number(c.User)
			}
			if r.users == nil {
				r.users = map[int]string{}
			}
			r.users[c.UID] = c.String()
			continue
		}
		if r.nets == nil {
			r.nets = map[netip.Prefix]struct{}{}
		}
		r.nets[c.Net] = struct{}{}
		of := &r.lengths[family(c.Net.Addr())]
		if at, found := slices.BinarySearchFunc(*of, c.Net.Bits(), func(a, b int) int { return b - a }); !found {
			*of = slices.Insert(*of, at, c.Net.Bits())
		}
	}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (r *roster) empty() bool { return len(r.nets)+len(r.users) == 0 }

// find returns the element of r that o belongs to.
func (r *roster) find(o origin) (element string, found bool) {
	if !o.addr.IsValid() {
		element, found = r.users[o.uid]
		return element, found
	}
	for _, bits := range r.lengths[family(o.addr)] {
		net, _ := o.addr.Prefix(bits) // bits fit the family
		if _, found := r.nets[net]; found {
			return cfg.Client{Net: net}.String(), true
		}
	}
	return "", false
}

// origin is where a client comes from: an address, or, over a unix-domain
// socket, a user.
type origin struct {
	addr netip.Addr // not valid: a user
	uid  int        // nobody: the system does not say who
}

const nobody = -1

// originOf has to be asked while the client's descriptor is open.
func originOf(p loop.Peer) origin {
	if a := p.Addr(); a.IsValid() {
		return origin{addr: a.Unmap().WithZone("")}
	}
	if uid, _, _, ok := p.Cred(); ok {
		return origin{uid: uid}
	}
	return origin{uid: nobody}
}

func (o origin) String() string {
	switch {
	case o.addr.IsValid():
		return o.addr.String()
	case o.uid == nobody:
		return "unknown"
	}
	return cfg.UserPrefix + strconv.Itoa(o.uid)
}

// source is what limits count by: a network of the size that the
// configuration says, or a user. It is small, and has no pointer for the
// garbage collector to follow.
type source struct {
	ip   [16]byte
	bits uint8 // of ip, IPv4 among them in IPv6's clothes; or one of the two below
}

const (
	userBits    = 255 // ip begins with the user's number
	unknownBits = 254
)

// source returns the one that o belongs to.
func (p *policy) source(o origin) (s source) {
	switch {
	case o.addr.Is4():
		net, _ := o.addr.Prefix(p.IPv4Prefix)
		return source{net.Addr().As16(), uint8(96 + net.Bits())}
	case o.addr.Is6():
		net, _ := o.addr.Prefix(p.IPv6Prefix)
		return source{net.Addr().As16(), uint8(net.Bits())}
	case o.uid == nobody:
		return source{bits: unknownBits}
	}
	s.bits = userBits
	for i := range 4 {
		s.ip[i] = byte(o.uid >> (8 * i))
	}
	return s
}

// describe names the source of o.
func (p *policy) describe(o origin) string {
	if !o.addr.IsValid() {
		return o.String()
	}
	bits := p.IPv6Prefix
	if o.addr.Is4() {
		bits = p.IPv4Prefix
	}
	net, _ := o.addr.Prefix(bits)
	return cfg.Client{Net: net}.String()
}

// verdict is why a client is refused.
type verdict uint8

const (
	welcome verdict = iota
	denied
	notAllowed
	tooMany
	tooFast
	noPlace
	noDescriptor
	tooLong
)

// access tells whether p's lists let o in. Whom the system does not name is
// not let past a list that names users.
func (p *policy) access(o origin) verdict {
	_, listed := p.deny.find(o)
	if listed || !o.addr.IsValid() && o.uid == nobody && len(p.deny.users) > 0 {
		return denied
	}
	if _, listed := p.allow.find(o); !listed && !p.allow.empty() {
		return notAllowed
	}
	return welcome
}

// explain says for the log why o was refused. limit is the one that is reached
// where there is no room.
func (p *policy) explain(v verdict, o origin, limit string) string {
	switch v {
	case denied:
		if element, found := p.deny.find(o); found {
			return element + " is in hosted_client_deny"
		}
		return "the system does not tell which user it is, and there are some in hosted_client_deny"
	case notAllowed:
		return "not in hosted_client_allow"
	case tooMany:
		return fmt.Sprintf("more than %d connections at once from %s", p.ClientLimit, p.describe(o))
	case tooFast:
		return fmt.Sprintf("more than %d connections in %ds from %s", p.ClientRate.Count, p.ClientRate.Per/time.Second, p.describe(o))
	case noPlace:
		if p.QueueLimit > 0 {
			return fmt.Sprintf("%s, and %d client(s) wait already", limit, p.QueueLimit)
		}
		return limit
	case noDescriptor:
		return limit + ", and no more descriptors are left for those who wait"
	case tooLong:
		return fmt.Sprintf("waited for more than %ds", p.QueueTime/time.Second)
	case welcome:
	}
	return ""
}
