// SPDX-License-Identifier: ISC

package skeleton

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
)

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		line string
		want flags
	}{
		{"", flags{sockets: 1}},
		{"-", flags{sockets: 1, rest: []string{"-"}}},
		{"word -v", flags{sockets: 1, rest: []string{"word", "-v"}}},
		{"-- -v", flags{sockets: 1, rest: []string{"-v"}}},
		{"-v -- word", flags{sockets: 1, verbose: 1, rest: []string{"word"}}},
		{"-cdDlSuvvVz", flags{sockets: 1, chroot: true, anyInput: true, debugger: true, alone: true, standAlone: true, unprivileged: true, verbose: 2, stderr: true, unlimited: true}},
		{"-t unix -tinet", flags{sockets: 1, transport: "inet"}},
		{"-uzn it -s2", flags{sockets: 2, service: "it", unprivileged: true, unlimited: true}},
		{"-n -z", flags{sockets: 1, service: "-z"}},
		{"-s 32 -r 5 -m5 -i 10s", flags{sockets: 32, retire: 5 * time.Second, overrides: []cfg.Override{{Name: "max_use", Value: "5"}, {Name: "max_idle", Value: "10s"}}}},
		{"-oa=b -o c==d", flags{sockets: 1, overrides: []cfg.Override{{Name: "a", Value: "b"}, {Name: "c", Value: "=d"}}}},
	} {
		var f flags
		if c.want.rest == nil {
			c.want.rest = []string{}
		}
		if err := f.parse(strings.Fields(c.line)); err != nil || !reflect.DeepEqual(f, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.line, f, err, c.want)
		}
	}
	for line, want := range map[string]string{
		"-x": "invalid option: x", "-vx": "invalid option: x", "-v -t": "invalid option: t", "--v": "invalid option: -",
		"-s x": "invalid socket_count: x", "-s -1": "invalid socket_count: -1", "-s 99999999": "invalid socket_count: 99999999",
		"-r0": "invalid retirement time: 0", "-o x": `invalid "-o x" option value: missing '=' after attribute name`,
		"-o =x": `invalid "-o =x" option value: missing attribute name`,
	} {
		var f flags
		if err := f.parse(strings.Fields(line)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
	var f flags
	if err := f.parse([]string{"-o", "a = b c", ""}); err != nil || f.overrides[0] != (cfg.Override{Name: "a", Value: "b c"}) || !slices.Equal(f.rest, []string{""}) {
		t.Errorf("got %+v, %v", f, err)
	}
}

// FuzzFlags: whatever the command line, what is left of it is its end, and
// nothing that looks like an option is taken for something else.
func FuzzFlags(f *testing.F) {
	for _, line := range []string{"-t unix\nuser=x", "-vv\n-o\na=b\n--\n-x", "-n\n-s\n2", "-s2\n-", "\n-v"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\n")
		var got flags
		if err := got.parse(args); err != nil {
			return
		}
		left := len(args) - len(got.rest)
		if left < 0 || !slices.Equal(args[left:], got.rest) {
			t.Fatalf("%q: the rest is %q", args, got.rest)
		}
		if left < len(args) && len(args[left]) > 1 && args[left][0] == '-' && (left == 0 || args[left-1] != "--") {
			t.Fatalf("%q: %q is left", args, args[left])
		}
		if got.sockets < 1 {
			t.Fatalf("%q: %d sockets", args, got.sockets)
		}
	})
}
