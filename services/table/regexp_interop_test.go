// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// ruleKeys are keys for testdata/rules/all.map, and many that nothing is about.
func ruleKeys() []string {
	var keys []string
	for _, c := range "abcdefghi" {
		for i := range 12 {
			keys = append(keys, fmt.Sprintf("%c%d", c, i), fmt.Sprintf("x%c%dx", c-'a'+'A', i))
		}
	}
	keys = append(keys, "j", "jx", "jkl", "jxyl", "kj", "jkz", "/m", "abcn", "abn", "acn", "AN", "q1", "q2", "q1q2", "q2q1", "\"", "'i5'", "e1\n", "{1}", "ei5xi6")
	source, _ := sourceOf(100)
	return variants(append(keys, source...))
}

func TestPostmapRegexp(t *testing.T) { comparePatterns(t, "regexp") }
func TestPostmapPCRE(t *testing.T)   { comparePatterns(t, "pcre") }

// comparePatterns asks a table of rules of either type. A key must not contain
// a line break, which postmap -q - could not be given.
func comparePatterns(t *testing.T, typ string) {
	t.Helper()
	p := newPostmapper(t)
	ref := typ + ":testdata/rules/all.map"
	var keys []string
	for _, key := range ruleKeys() {
		if !strings.Contains(key, "\n") {
			keys = append(keys, key)
		}
	}
	p.compare(ref, keys)

	// What mail systems have, with rules inside rules.
	r := rand.New(rand.NewPCG(7, 8))
	var text strings.Builder
	var others []string
	depth := 0
	for i := range 300 {
		user, domain := fmt.Sprintf("user%d", r.IntN(40)), fmt.Sprintf("%s%d.example", []string{"mail", "LIST", "x-y"}[r.IntN(3)], r.IntN(10))
		others = append(others, user+"@"+domain, "owner-"+user+"-outgoing@"+strings.ToUpper(domain), domain, "Subject: "+strings.Repeat(user+" ", r.IntN(9)))
		not := strings.Repeat("!", r.IntN(12)/11)
		pattern := []string{
			"^" + user + "@", "^(.*)-outgoing@(.*)$", user + "(@.*)?" + domain[:4], `^\w+-(u[a-z]+)([0-9]+)`, "([0-9])" + domain[len(domain)-10:],
			`^subject: (.*` + user + `)* *$`, `[[:digit:]]{2}@`, "^(l|m|x)[^@]*$", `(.)(.)\1\2`, "(a|ma)(il|i)[0-9]", `\b` + domain[:4] + "[0-9]", "^[^@]+$",
		}[r.IntN(12)]
		switch n := r.IntN(12); {
		case n == 0:
			fmt.Fprintf(&text, "if %s/%s/\n", not, pattern)
			depth++
		case n < 3 && depth > 0:
			text.WriteString("endif\n")
			depth--
		default:
			result := []string{"$1", "${1}-$(2) of $$", "plain", "$2$1"}[r.IntN(4)]
			fmt.Fprintf(&text, "%s/%s/%s\trule %d %s\n", not, pattern, strings.Repeat("i", r.IntN(3)), i, result)
		}
	}
	p.compare(typ+":"+p.file("random", text.String()), others)
	p.compare(typ+":{{/^(a+)b/ one $$1}, {if /c/} {!/d/i no {d}}, {endif}\t{/(d)/ d$1}}", append(others, "aab", "xc", "cd", "cD", "ad"))
}

// What is refused, and values that are the contents of files.
func TestPostmapPatternFiles(t *testing.T) {
	p := newPostmapper(t)
	one, two := p.file("one", "this is one\n\n"), p.file("two", "two\xffof\x01$1 bytes")
	rules := p.file("rules", "/^a$/ "+one+"\n/^b$/ "+one+", "+two+"\n/^c$/ "+p.dir+"/none\n/^d$/ ,\n!/^[a-z]$/ "+two+"\n/^e$/\n")
	for _, typ := range []string{"regexp", "pcre"} {
		ref := typ + ":" + rules
		p.log = nil
		table, err := p.Open(ref, ReadOnly, postmapFlags|RHSIsFile)
		p.must(err)
		var ours strings.Builder
		for _, line := range p.log {
			ours.WriteString("postmap: " + line + "\n")
		}
		for _, key := range []string{"a", "b", "c", "d", "e", "1"} {
			want, stderr, _ := p.run("", "-F", "-q", key, ref)
			if stderr != ours.String() {
				t.Errorf("%s: we log\n%s\nand postmap\n%s", ref, ours.String(), stderr)
			}
			got := ""
			if a := table.Get(key, postmapFlags|RHSIsFile, nil); a.Status == OK {
				text, err := base64.StdEncoding.DecodeString(a.Value)
				p.must(err)
				got = string(text) + "\n"
			}
			if got != want {
				t.Errorf("%s: %s: we say %q, postmap %q", ref, key, got, want)
			}
		}
		table.Close()

		for _, bad := range []string{typ + ":" + p.dir + "/none", typ + ":{", typ + ":{/a/ b}", typ + ":{{/a/ b}c}", typ + ":{{/a/ b}"} {
			_, err := p.Open(bad, ReadOnly, postmapFlags)
			_, stderr, _ := p.run("", "-q", "x", bad)
			if theirs := strings.TrimSpace(strings.TrimPrefix(stderr, "postmap: fatal: ")); err == nil || err.Error() != theirs {
				t.Errorf("%s: we say\n%v\nand postmap\n%s", bad, err, theirs)
			}
		}
	}
}
