// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// printed is what ParseMaster returned, for golden files.
func printed(services []Service, notes []Note, err error) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "note: %s\n", n.Text)
	}
	if err != nil {
		return b.String() + err.Error() + "\n"
	}
	for _, s := range services {
		fmt.Fprintf(&b, "%d: %q %s private=%v unprivileged=%v chroot=%v wakeup=%v", s.Line, s.Name, s.Type, s.Private, s.Unprivileged, s.Chroot, s.Wakeup)
		if s.WakeupIfUsed {
			b.WriteString(" if used")
		}
		fmt.Fprintf(&b, " limit=%d %q %q", s.Limit, s.Command, s.Args)
		if s.Type == Inet {
			fmt.Fprintf(&b, " host=%q port=%q", s.Host, s.Port)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestMasterCorpus reads the files that the interop tests show to the real
// postconf and master, and takes those that are right there and back in both
// languages.
func TestMasterCorpus(t *testing.T) {
	for name, file := range cases(t, "postconf-master", ".cf") {
		t.Run(name, func(t *testing.T) {
			m := mainWith()
			text := readFile(t, file+".cf")
			services, notes, err := ParseMaster("master.cf", strings.NewReader(text), m)
			checkGolden(t, file+".golden", printed(services, notes, err))
			if err == nil {
				checkPostfixRoundTrip(t, m, services)
				if utf8.ValidString(text) {
					checkTOMLRoundTrip(t, m, services)
				}
			}
		})
	}
}

// TOML has no way to write text that is not UTF-8, and says so.
func TestWriteTOMLInvalid(t *testing.T) {
	for _, row := range []struct{ main, master, want string }{
		{"myhostname = \xff", "", "main.cf, line 1: myhostname is not UTF-8 text, and TOML has no way to write it"},
		{"\na\xff = b", "", "main.cf, line 2: a\xff is not UTF-8 text, and TOML has no way to write it"},
		{"", "\xff unix - - n - - x", `master.cf, line 1: service "\xff": not UTF-8 text, and TOML has no way to write it`},
		{"", "a unix - - n - - x -o a=\xff", `master.cf, line 1: service "a": not UTF-8 text, and TOML has no way to write it`},
	} {
		m, services := mustPostfix(t, row.main, row.master)
		var b strings.Builder
		if err := WriteTOML(&b, m, services); err == nil || err.Error() != row.want || b.Len() > 0 {
			t.Errorf("%q %q: %v; want %s", row.main, row.master, err, row.want)
		}
	}
}
