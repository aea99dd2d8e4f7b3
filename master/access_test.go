// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/master/names"
)

// policyOf makes a policy of main.cf lines.
func policyOf(t *testing.T, lines ...string) *policy {
	t.Helper()
	main, err := cfg.ParseMain("main.cf", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	h, err := main.Hosted()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPolicy(h, func(name string) (names.User, error) {
		if name != "box" {
			return names.User{}, names.ErrUnknown
		}
		return names.User{Name: "box", UID: 1000}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// from is the origin that its String is: an address, uid:NUMBER or unknown.
func from(text string) origin {
	o := origin{uid: nobody}
	if addr, err := netip.ParseAddr(text); err == nil {
		o.addr = addr
	} else if _, err := fmt.Sscanf(text, "uid:%d", &o.uid); err != nil {
		o.uid = nobody
	}
	return o
}

func TestAccess(t *testing.T) {
	for _, c := range []struct{ allow, deny, in, out string }{
		{"", "10.0.0.0/8", "192.0.2.1 ::1 uid:0 unknown", "10.0.0.0 10.255.255.255"},
		{"10.0.0.0/8", "", "10.1.2.3", "11.0.0.0 9.255.255.255 ::1 uid:0 unknown"},
		{"10.0.0.0/8", "10.1.0.0/16", "10.0.0.1 10.2.0.1", "10.1.0.0 10.1.255.255 11.0.0.1"},
		{"10.1.2.3", "10.0.0.0/8", "", "10.1.2.3 ::1"}, // deny goes first
		{"0.0.0.0/0", "", "10.1.2.3 255.255.255.255", "::1 uid:0"},
		{"::/0", "", "::1 2001:db8::1", "10.1.2.3"},
		{"[2001:db8::]/32, 2001:db9::1", "", "2001:db8:ffff::1 2001:db9::1", "2001:db9::2 2001:db7::1"},
		{"::ffff:10.0.0.0/104", "", "10.1.2.3", "11.0.0.1 ::1"}, // the same as 10.0.0.0/8
		{"[::ffff:10.0.0.1]", "", "10.0.0.1", "10.0.0.2"},
		{"uid:box uid:0", "", "uid:1000 uid:0", "uid:1 unknown 10.0.0.1 ::1"},
		{"", "uid:box", "uid:0 10.0.0.1", "uid:1000 unknown"}, // it could be box
		{"10.0.0.0/8 10.1.0.0/16 10.1.1.0/24 10.1.1.1", "10.1.1.0/25", "10.1.1.128 10.2.0.0", "10.1.1.1 10.1.1.127"},
	} {
		p := policyOf(t, "hosted_client_allow = "+c.allow, "hosted_client_deny = "+c.deny)
		for _, who := range strings.Fields(c.in) {
			if v := p.access(from(who)); v != welcome {
				t.Errorf("allow %q, deny %q: %s is refused: %s", c.allow, c.deny, who, p.explain(v, from(who), "no room"))
			}
		}
		for _, who := range strings.Fields(c.out) {
			if p.access(from(who)) == welcome {
				t.Errorf("allow %q, deny %q: %s is let in", c.allow, c.deny, who)
			}
		}
	}
}

// TestRosterFindsWhatIsThere compares with going through the whole list.
func TestRosterFindsWhatIsThere(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	addr := func() netip.Addr {
		if rnd.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(rnd.IntN(4)), byte(rnd.IntN(4)), byte(rnd.IntN(4))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, byte(rnd.IntN(2)), 15: byte(rnd.IntN(4))})
	}
	for range 200 {
		var list []cfg.Client
		for range rnd.IntN(12) {
			a := addr()
			net, _ := a.Prefix(rnd.IntN(a.BitLen() + 1))
			list = append(list, cfg.Client{Net: net})
		}
		var r roster
		r.fill(list, nil)
		for range 50 {
			o := origin{addr: addr()}
			want, bits := "", -1 // the longest prefix
			for _, c := range list {
				if c.Net.Contains(o.addr) && c.Net.Bits() > bits {
					want, bits = c.String(), c.Net.Bits()
				}
			}
			if got, found := r.find(o); found != (want != "") || got != want {
				t.Fatalf("%s in %v: got %q, want %q", o, list, got, want)
			}
		}
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		v4, v6     int
		a, b, name string
		same       bool
	}{
		{32, 64, "192.0.2.1", "192.0.2.1", "192.0.2.1", true},
		{32, 64, "192.0.2.1", "192.0.2.2", "192.0.2.1", false},
		{24, 64, "192.0.2.1", "192.0.2.255", "192.0.2.0/24", true},
		{24, 64, "192.0.2.1", "192.0.3.1", "192.0.2.0/24", false},
		{0, 64, "192.0.2.1", "10.0.0.1", "0.0.0.0/0", true},
		{32, 64, "2001:db8::1", "2001:db8::ffff:1", "2001:db8::/64", true},
		{32, 64, "2001:db8::1", "2001:db8:0:1::1", "2001:db8::/64", false},
		{32, 128, "2001:db8::1", "2001:db8::2", "2001:db8::1", false},
		{0, 0, "0.0.0.0", "::", "0.0.0.0/0", false},
		{32, 64, "uid:1000", "uid:1000", "uid:1000", true},
		{32, 64, "uid:1000", "uid:1256", "uid:1000", false},
		{32, 64, "uid:1000", "unknown", "uid:1000", false},
		{0, 0, "uid:0", "::", "uid:0", false},
		{0, 0, "unknown", "::", "unknown", false},
	} {
		p := policyOf(t, "hosted_client_limit = 1",
			fmt.Sprintf("hosted_client_ipv4_prefix_length = %d", c.v4), fmt.Sprintf("hosted_client_ipv6_prefix_length = %d", c.v6))
		if same := p.source(from(c.a)) == p.source(from(c.b)); same != c.same {
			t.Errorf("/%d, /%d: %s and %s: one source: %v", c.v4, c.v6, c.a, c.b, same)
		}
		if got := p.describe(from(c.a)); got != c.name {
			t.Errorf("/%d, /%d: %s is %s, want %s", c.v4, c.v6, c.a, got, c.name)
		}
	}
}

func TestExplain(t *testing.T) {
	p := policyOf(t, "hosted_client_limit = 3", "hosted_client_rate = 30/1m", "hosted_client_ipv4_prefix_length = 24",
		"hosted_client_deny = 192.0.2.0/28 uid:box", "hosted_client_allow = 10.0.0.0/8", "hosted_queue_limit = 5", "hosted_queue_time = 2m")
	for _, c := range []struct {
		v    verdict
		who  string
		want string
	}{
		{denied, "192.0.2.1", "192.0.2.0/28 is in hosted_client_deny"},
		{denied, "uid:1000", "uid:box is in hosted_client_deny"},
		{denied, "unknown", "the system does not tell which user it is, and there are some in hosted_client_deny"},
		{notAllowed, "192.0.2.99", "not in hosted_client_allow"},
		{tooMany, "192.0.2.1", "more than 3 connections at once from 192.0.2.0/24"},
		{tooMany, "uid:7", "more than 3 connections at once from uid:7"},
		{tooFast, "2001:db8::7", "more than 30 connections in 60s from 2001:db8::/64"},
		{noPlace, "192.0.2.1", "the process limit of 20 is reached, and 5 client(s) wait already"},
		{tooLong, "192.0.2.1", "waited for more than 120s"},
	} {
		if got := p.explain(c.v, from(c.who), "the process limit of 20 is reached"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.who, got, c.want)
		}
	}
	if got := policyOf(t, "hosted_queue_limit = 0").explain(noPlace, from("::1"), "the process limit of 20 is reached"); got != "the process limit of 20 is reached" {
		t.Errorf("without a queue: %q", got)
	}
}

// TestNoPolicy: a service that asks for nothing has none.
func TestNoPolicy(t *testing.T) {
	for _, lines := range [][]string{nil, {"hosted_queue_time = 5s", "hosted_refuse = reset", "hosted_client_ipv4_prefix_length = 8"}} {
		if p := policyOf(t, lines...); p != nil {
			t.Errorf("%q: %+v", lines, p)
		}
	}
	for _, line := range []string{
		"hosted_client_limit = 1", "hosted_client_rate = 1/1s", "hosted_client_allow = ::1", "hosted_client_deny = ::1",
		"hosted_queue_limit = 0",
	} {
		if policyOf(t, line) == nil {
			t.Errorf("%s is not taken for a policy", line)
		}
	}
}

// TestPolicyNames: all names that have to be waited for are asked for at once,
// whichever list they are in, and all that nobody knows are told of.
func TestPolicyNames(t *testing.T) {
	h := cfg.Hosted{
		QueueLimit: cfg.Backlog,
		Allow:      []cfg.Client{{User: "one"}, {UID: 1}, {User: "two"}},
		Deny:       []cfg.Client{{User: "three"}},
	}
	for _, answer := range []error{names.ErrPending, names.ErrUnknown} {
		var asked []string
		_, err := newPolicy(h, func(name string) (names.User, error) {
			asked = append(asked, name)
			return names.User{}, answer
		})
		if got := strings.Join(asked, " "); got != "one two three" {
			t.Errorf("asked for %s", got)
		}
		want := userErrors{
			{"hosted_client_allow", "one", answer}, {"hosted_client_allow", "two", answer}, {"hosted_client_deny", "three", answer},
		}
		if got := userErrors(nil); !errors.As(err, &got) || !slices.Equal(got, want) {
			t.Errorf("got %v", err)
		}
	}
}
