// SPDX-License-Identifier: ISC

package master

import (
	"slices"
	"testing"

	"postloop/cfg"
)

func TestPlan(t *testing.T) {
	k := func(name string) key { return key{name, cfg.Unix} }
	for _, c := range []struct {
		running, want, changes string
	}{
		{"", "", ""},
		{"", "ab", "+a +b"},
		{"ab", "ab", "=a =b"},
		{"ab", "ba", "=b =a"},
		{"ab", "", "-a -b"},
		{"abc", "xb", "+x =b -a -c"},
	} {
		var running []*service
		for _, r := range c.running {
			running = append(running, &service{key: k(string(r))})
		}
		var want []*wanted
		for _, r := range c.want {
			want = append(want, &wanted{key: k(string(r))})
		}
		got := ""
		for i, ch := range plan(running, want) {
			if i > 0 {
				got += " "
			}
			switch {
			case ch.old == nil:
				got += "+" + ch.want.key.name
			case ch.want == nil:
				got += "-" + ch.old.key.name
			default:
				if ch.old.key != ch.want.key {
					t.Errorf("%q -> %q: %v became %v", c.running, c.want, ch.old.key, ch.want.key)
				}
				got += "=" + ch.old.key.name
			}
		}
		if got != c.changes {
			t.Errorf("plan(%q, %q) = %q, want %q", c.running, c.want, got, c.changes)
		}
	}
	// The same name with another transport is another service.
	old := []*service{{key: key{"private/x", cfg.Unix}}}
	if got := plan(old, []*wanted{{key: key{"private/x", cfg.Pass}}}); len(got) != 2 || got[0].old != nil || got[1].want != nil {
		t.Errorf("a change of transport is not an addition and a removal: %+v", got)
	}
}

func TestChildArgs(t *testing.T) {
	for _, c := range []struct {
		s    cfg.Service
		o    childOptions
		want []string
	}{
		{
			cfg.Service{Name: "127.0.0.1:21599", Type: cfg.Inet, Unprivileged: true, Limit: 2, Command: "smtpd", Args: []string{"-o", "x=y"}},
			childOptions{sockets: 1},
			[]string{"smtpd", "-n", "127.0.0.1:21599", "-t", "inet", "-u", "-o", "x=y"},
		},
		{
			cfg.Service{Name: "postlog", Type: cfg.UnixDgram, Unprivileged: true, Limit: 1, Command: "postlogd"},
			childOptions{sockets: 1},
			[]string{"postlogd", "-l", "-n", "postlog", "-t", "unix-dgram", "-u"},
		},
		{
			cfg.Service{Name: "pickup", Type: cfg.Unix, Unprivileged: true, Limit: 1, Command: "pickup"},
			childOptions{sockets: 1},
			[]string{"pickup", "-l", "-t", "unix", "-u"},
		},
		{
			cfg.Service{Name: "passsvc", Type: cfg.Pass, Unprivileged: true, Limit: 2, Command: "probe", Args: []string{"a", "b"}},
			childOptions{sockets: 1, stress: "stress="},
			[]string{"probe", "-n", "passsvc", "-t", "pass", "-u", "-o", "stress=", "a", "b"},
		},
		{
			cfg.Service{Name: "smtp", Type: cfg.Inet, Chroot: true, Command: "lib/smtp"},
			childOptions{sockets: 2, debug: true, verbose: true},
			[]string{"lib/smtp", "-z", "-t", "inet", "-d", "-v", "-c", "-s", "2"},
		},
		{
			cfg.Service{Name: "x", Type: cfg.Unix, Unprivileged: true, Limit: 5, Command: "x"},
			childOptions{sockets: 1, rootless: true},
			[]string{"x", "-t", "unix"},
		},
	} {
		if got := childArgs(nil, &c.s, c.o); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.s.Name, got, c.want)
		}
	}
}
