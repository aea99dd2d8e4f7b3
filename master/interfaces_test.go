// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/master/names"
)

// testNames returns names of a system that knows one host, and has no getent.
func testNames(t *testing.T) *names.Resolver {
	t.Helper()
	n := names.New()
	n.Etc, n.Getent = t.TempDir(), nil
	if err := os.WriteFile(filepath.Join(n.Etc, "hosts"), []byte("192.0.2.1 mx mx.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

func join(list []netip.Addr) string {
	var words []string
	for _, addr := range list {
		words = append(words, addr.String())
	}
	return strings.Join(words, " ")
}

func TestChooseInterfaces(t *testing.T) {
	local := []netip.Addr{
		netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("192.0.2.1"),
		netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth0"),
	}
	for _, c := range []struct {
		words         string
		known, v4, v6 bool
		want, err     string
	}{
		{"all", true, true, true, "127.0.0.1 ::1 192.0.2.1 2001:db8::1 fe80::1%eth0", ""},
		{"all", true, true, false, "127.0.0.1 192.0.2.1", ""},
		{"loopback-only", true, true, true, "127.0.0.1 ::1", ""},
		{"loopback-only", true, false, true, "::1", ""},
		{"loopback-only", false, true, true, "127.0.0.1 ::1", ""},
		{"192.0.2.1, [2001:db8::1]\tmx", true, true, true, "192.0.2.1 2001:db8::1", ""},
		{"fe80::1", true, true, true, "fe80::1", ""},
		{"192.0.2.1 2001:db8::1", true, true, false, "192.0.2.1", ""},
		{"", true, true, true, "", ""},
		{"192.0.2.2", true, true, true, "", "no local interface found for 192.0.2.2"},
		{"192.0.2.2", false, true, true, "192.0.2.2", ""},
		{"192.0.2.1 -x", true, true, true, "", "host not found: -x"},
		{"192.0.2.1 far.example", true, true, true, "192.0.2.1", names.ErrPending.Error()},
	} {
		l := local
		if !c.known {
			l = nil
		}
		got, err := chooseInterfaces(testNames(t), c.words, l, c.known, c.v4, c.v6)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if join(got) != c.want || text != c.err {
			t.Errorf("%q: got %q, %q, want %q, %q", c.words, join(got), text, c.want, c.err)
		}
	}
	if _, err := chooseInterfaces(testNames(t), "all", local[:1], true, false, true); err == nil {
		t.Error("all of a family that no interface has: got no error")
	}
}

func TestLoopbackInterfaces(t *testing.T) {
	p := &cfg.Params{InetInterfaces: "loopback-only", InetProtocols: cfg.Protocols{IPv4: true}}
	list, err := resolveInterfaces(testNames(t), p)
	if err != nil || !slices.Contains(list, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("got %v, %v", list, err)
	}
	for _, addr := range list {
		if !addr.IsLoopback() || !addr.Is4() {
			t.Errorf("%v in %v", addr, list)
		}
	}
}

func TestInterfaces(t *testing.T) {
	list, err := Interfaces()
	if errors.Is(err, errNoInterfaces) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(list, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("no loopback address in %v", list)
	}
	seen := map[netip.Addr]bool{}
	for _, addr := range list {
		if !addr.IsValid() || addr.IsUnspecified() || seen[addr] {
			t.Errorf("%v in %v", addr, list)
		}
		seen[addr] = true
	}
}
