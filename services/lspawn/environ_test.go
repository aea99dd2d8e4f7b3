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

// TestHeaderNames: what decides which programs run for a user, and which files and
// servers they use, is not for a message to say; what tells of the message is.
func TestHeaderNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  bool
	}{
		{"X-Spam-Status", true},
		{"List-Id", true},
		{"PATH", false},
		{"LD_PRELOAD", false},
		{"QMAILLOCAL", false},
		{"FILTERARGS", false}, // commands of spawn-filter(8)
		{"SPAMFILTER", false},
		{"LOGFILTER", false}, // its files
		{"FROMRULES", false},
		{"RCPTRULES", false},
		{"QUEUE_BASE", false},
		{"SMTPROUTE", false}, // where vdelivermail(8) sends to
		{"QMTPROUTE", false},
		{"ROUTES", false},
		{"FIFODIR", false}, // whom it asks
		{"INFIFO", false},
		{"REAL_DOMAINS", false},
		{"ALIAS_DOMAINS", false},
		{"SHELLOPTS", false}, // what shells and the C library run or read
		{"PS4", false},
		{"GCONV_PATH", false},
		{"GLIBC_TUNABLES", false},
		{"HOSTALIASES", false},
	} {
		if got := len(appendHeader(nil, tt.name+": x\n")) == 1; got != tt.set {
			t.Errorf("%s is set: %t, want %t", tt.name, got, tt.set)
		}
	}
}
