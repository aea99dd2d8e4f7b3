// SPDX-License-Identifier: ISC

package lspawn

import (
	"slices"
	"strings"
	"testing"
)

// FuzzHeader: whatever a message says, what was there before stays, and what is
// added are variables of harmless names, each of them once.
func FuzzHeader(f *testing.F) {
	f.Add("FOO:  bar baz\nQUX:q:r\nnocolon\nMESSID: zzz\nLAST: notnl")
	f.Add("KEPT: x\nPATH: /evil\nA=B: c\n: x\n \tfolded: y\nFOO:1\nFOO:2\n")
	f.Fuzz(func(t *testing.T, envh string) {
		base := []string{"KEPT=as it was", "EMPTY="}
		env := appendHeader(slices.Clone(base), envh)
		if !slices.Equal(env[:2], base) {
			t.Fatalf("%q became %q", base, env[:2])
		}
		seen := map[string]bool{"KEPT": true, "EMPTY": true, "PATH": true, "MESSID": true, "QMAILLOCAL": true}
		for _, v := range env[2:] {
			name, value, ok := strings.Cut(v, "=")
			if !ok || name == "" || seen[name] || strings.ContainsAny(name[:1], " \t") || strings.HasPrefix(name, "LD_") || strings.HasPrefix(value, " ") {
				t.Errorf("%q adds %q", envh, v)
			}
			if seen[name] = true; !strings.Contains(envh, name+":") {
				t.Errorf("%q does not say %q", envh, v)
			}
		}
	})
}
