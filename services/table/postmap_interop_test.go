// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// postmapper asks the real postmap.
type postmapper struct {
	*world
	conf string
}

func newPostmapper(t *testing.T) *postmapper {
	t.Helper()
	if _, err := exec.LookPath("postmap"); err != nil {
		t.Fatalf("no Postfix here (.ci/need-postfix installs it): %v", err)
	}
	p := &postmapper{newWorld(t), t.TempDir()}
	p.must(os.WriteFile(p.conf+"/main.cf", []byte("compatibility_level = 3.6\nsmtputf8_enable = yes\n"), 0o600))
	return p
}

// run returns what postmap prints.
func (p *postmapper) run(stdin string, args ...string) (stdout, stderr string, status int) {
	p.t.Helper()
	c := exec.Command("postmap", append([]string{"-c", p.conf}, args...)...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "table_a=environment", "TABLE_A=not folded", "table_ü=folded"}
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// spelled returns what postmap -q says, in the words of spell.
func (p *postmapper) spelled(ref, key string) string {
	p.t.Helper()
	stdout, stderr, status := p.run("", "-q", key, ref)
	switch {
	case status == 0:
		return "=" + strings.TrimSuffix(stdout, "\n")
	case strings.Contains(stderr, ": query error: Application error") || strings.HasSuffix(stderr, ": query error\n"):
		return "error"
	case strings.Contains(stderr, "fatal"):
		return stderr
	}
	return "no key"
}

// compare asks the original and us for all keys, each alone and all in one go,
// and compares what is logged on the way.
func (p *postmapper) compare(ref string, keys []string) {
	p.t.Helper()
	p.log = nil
	table, err := p.Open(ref, ReadOnly, postmapFlags)
	if err != nil {
		p.t.Fatal(err)
	}
	defer table.Close()
	table.Get("no such key", postmapFlags, nil)
	var ours strings.Builder
	for _, line := range p.log {
		fmt.Fprintf(&ours, "postmap: %s\n", line)
	}
	_, stderr, _ := p.run("", "-q", "no such key", ref)
	stderr, _, _ = strings.Cut(stderr, "postmap: fatal: table ") // its own words for our status
	if stderr != ours.String() {
		p.t.Errorf("%s: we log\n%s\nand postmap\n%s", ref, ours.String(), stderr)
	}

	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) < 300 {
		p.t.Errorf("%s: only %d keys", ref, len(keys))
	}
	found, failed := 0, 0
	var all, want strings.Builder
	for _, key := range keys {
		a := table.Get(key, postmapFlags, func(Answer) { p.t.Errorf("%s: %q: a later answer", ref, key) })
		// No argument of a program can be longer, and some mean something else.
		if key != "" && key != "-" && len(key) < 128<<10 {
			got := spell(a)
			if a.Status == Retry || a.Status == Config {
				got = "error"
			}
			// A fatal error takes postmap a second.
			if got == "error" && failed >= 2 {
				failed++
				continue
			}
			if theirs := p.spelled(ref, key); got != theirs {
				p.t.Errorf("%s: %q: we say %.200q, postmap %.200q", ref, key, got, theirs)
			}
		}
		switch a.Status {
		case OK:
			found++
			fmt.Fprintf(&want, "%s\t%s\n", key, a.Value)
			fallthrough
		case NoKey:
			all.WriteString(key + "\n")
		case Retry, Config, Later:
			failed++ // one such ends postmap -q -
		}
	}
	stdout, _, _ := p.run(all.String(), "-q", "-", ref)
	if stdout != want.String() {
		p.t.Errorf("%s: all at once: we say\n%.2000s\nand postmap\n%.2000s", ref, want.String(), stdout)
	}
	p.t.Logf("%.60s: %d keys, %d found, %d failures", ref, len(keys), found, failed)
}

// rows returns the keys of a table's source, and the source.
func sourceOf(n int) (keys []string, text string) {
	var b strings.Builder
	for i := range n {
		var key string
		switch i % 8 {
		case 0:
			key = fmt.Sprintf("user%d@example.com", i)
		case 1:
			key = fmt.Sprintf("UPPER%d@EXAMPLE.com", i)
		case 2:
			key = fmt.Sprintf("Straße%dÄÖÜ", i)
		case 3:
			key = fmt.Sprintf("\"quoted %d key\"@x", i)
		case 4:
			key = fmt.Sprintf(`back\ slash\"%d`, i)
		case 5:
			key = strings.Repeat("long", 200+i) + fmt.Sprint(i)
		case 6:
			key = fmt.Sprintf("ΣίσυφοςΣ%dİŉ", i)
		case 7:
			key = fmt.Sprintf("!#$%%&'*+-/=?^_`{|}~%d", i)
		}
		keys = append(keys, key)
		fmt.Fprintf(&b, "%s\tvalue %d  of Übergröße\n", key, i)
		if i%10 == 0 {
			b.WriteString("   continued\n# a comment\n\n")
		}
	}
	return keys, b.String()
}

// variants adds other keys to those of a table: in other cases, nearly the
// same, and nothing of the kind.
func variants(keys []string) []string {
	all := slices.Clone(keys)
	for i, key := range keys {
		switch i % 4 {
		case 0:
			all = append(all, strings.ToUpper(key))
		case 1:
			all = append(all, strings.ToLower(key), strings.ToTitle(key))
		case 2:
			all = append(all, key+"x")
		case 3:
			all = append(all, key[:len(key)-1]+"\xff")
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		odd := make([]byte, 1+r.IntN(20))
		for i := range odd {
			for odd[i] == 0 || odd[i] == '\n' {
				odd[i] = byte(r.IntN(256))
			}
		}
		all = append(all, "k"+string(odd)+"k")
	}
	return append(all, strings.Repeat("é", 50000), "a\xc0\x80b", "\xed\xa0\x80", "\xf4\x90\x80\x80")
}

func TestPostmapTexthash(t *testing.T) {
	p := newPostmapper(t)
	keys, text := sourceOf(200)
	p.compare("texthash:"+p.file("plain", text), variants(keys))
	p.compare("texthash:"+p.file("odd", text+texthashSource+"ÄÖÜ x\näöü y\nlone\\\n\\ x\ntwo\"a b\"c\"d e\"f x\n'a b' c\na\vb c\na\fb\tc\n"), variants(append(keys, "a", "c", "d", "Up",
		`"x y"`, "q:", `\"`, `a\ b`, `"a\" b"`, "ÄÖÜ", `two"a b"c"d e"f`, "'a", "lone", `\ x`, "m", "alone\\")))
}

func TestPostmapInline(t *testing.T) {
	p := newPostmapper(t)
	keys, _ := sourceOf(150)
	var list []string
	for i, key := range keys {
		if key = strings.Map(func(r rune) rune {
			if strings.ContainsRune("={},", r) {
				return '.'
			}
			return r
		}, key); i%8 == 5 {
			key = key[len(key)-200:]
		}
		keys[i] = key
		list = append(list, fmt.Sprintf("{ %s = value %d, {x} }", key, i))
	}
	p.compare("inline:{"+strings.Join(list, ", ")+",a=b A=c\t\\x=y}", variants(append(keys, "a", `\x`)))
}

func TestPostmapStatic(t *testing.T) {
	p := newPostmapper(t)
	keys, _ := sourceOf(200)
	p.compare("static:{ a  value of Übergröße }", variants(keys))
	p.compare("static:\xff", variants(keys))
	p.compare("randmap:{{only one}}", variants(keys))
	p.compare("fail:x", variants(keys))
	p.compare("internal:x", variants(keys))
}

func TestPostmapEnviron(t *testing.T) {
	p := newPostmapper(t)
	t.Setenv("table_a", "environment")
	t.Setenv("TABLE_A", "not folded")
	t.Setenv("table_ü", "folded")
	keys, _ := sourceOf(200)
	p.compare("environ:x", variants(append(keys, "table_a", "TABLE_A", "Table_Ü", "LC_ALLx", "a=b")))
}

func TestPostmapUnix(t *testing.T) {
	p := newPostmapper(t)
	keys, _ := sourceOf(200)
	for table, file := range map[string]string{"passwd.byname": passwdFile, "group.byname": groupFile} {
		text, err := os.ReadFile(file)
		p.must(err)
		names := slices.Clone(keys)
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
		p.compare("unix:"+table, variants(append(names, "0", "root:x", "-h")))
	}
}

func TestPostmapMembers(t *testing.T) {
	p := newPostmapper(t)
	keys, text := sourceOf(150)
	one := p.file("one", text)
	two := p.file("two", strings.ReplaceAll(text, "value", "another value")+"only x\n")
	keys = append(keys, "only", "1.2.3.4", "::1")
	p.compare("unionmap:{texthash:"+one+", texthash:"+two+", cidr:{{1.2.3.4 a}, {::/0 b}}, inline:{only=y}}", variants(keys))
	p.compare("unionmap:{cidr:{{1.2.3.4 a}}, texthash:"+one+"}", variants(keys))
	p.compare("pipemap:{texthash:"+one+", static:{ÄB}, inline:{äb=x, only=y}}", variants(keys))
	p.compare("pipemap:{texthash:"+two+", inline:{x=y}}", variants(keys))
	p.compare("unionmap:{texthash:"+one+", fail:x}", variants(keys))
	p.compare("pipemap:{texthash:"+one+", fail:x}", variants(keys))
	p.compare("unionmap:{texthash:"+one+", static:\xff}", variants(keys))
}

func TestPostmapCidr(t *testing.T) {
	p := newPostmapper(t)
	keys := []string{
		"0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "::1%lo", "1::2::3",
		"::ffff:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:8:9", ":1", "1:", "FE80::ABCD", "12345::",
		"1.2.3.4 x", "[::1]", "x", "0x1.2.3.4", "1.2.3.0/24", ":::", "::1.2.3", "1.2.3.256", "0:0:0:0:0:0:0:0", "1:2:3:4:5:6:7:8::", "::1.2.3.04",
	}
	r := rand.New(rand.NewPCG(5, 6))
	var text strings.Builder
	depth := 0
	for i := range 300 {
		a, bits := fmt.Sprintf("10.%d.%d.%d", r.IntN(2), r.IntN(4), r.IntN(256)), 14+r.IntN(19)
		if r.IntN(3) == 0 {
			a, bits = fmt.Sprintf("2001:db8:%x::%x", r.IntN(4), r.IntN(1<<16)), 40+r.IntN(90)
		}
		keys = append(keys, a)
		not := strings.Repeat("! ", r.IntN(8)/7)
		network := fmt.Sprintf("%s/%d", a, bits) // mostly with host bits: see what is said of them
		if m, _, err := parseNetwork(network); err == nil {
			network = m.String()
		} else if r.IntN(4) > 0 {
			network = a
		}
		switch n := r.IntN(12); {
		case n == 0:
			fmt.Fprintf(&text, "if %s%s\n", not, network)
			depth++
		case n == 1 && depth > 0:
			text.WriteString("endif\n")
			depth--
		default:
			fmt.Fprintf(&text, "%s%s\trule %d\n", not, network, i)
		}
	}
	p.compare("cidr:"+p.file("random", text.String()), keys)

	// Wide networks with exceptions before them, and every line that is refused.
	text.Reset()
	for i := range 64 {
		fmt.Fprintf(&text, "10.0.%d.0/24 exception %d\n", i*3, i)
	}
	text.WriteString("10.0.0.0/16 wide\nif !10.0.0.0/8\n0.0.0.0/0 all\n2001:db8::/33 low\nendif\n!2001:db8:3::/48 six\n")
	for _, line := range refusedCidrLines {
		text.WriteString(line + "\n")
	}
	p.compare("cidr:"+p.file("wide", text.String()), keys)
	p.compare("cidr:{{10.0.0.0/9 nine}, {if 10.0.0.0/8} {10.128.0.0/9 {ten}} {endif}\t{::/0 six} {1.2.3.4}}", keys)
}

// refusedCidrLines are those of TestCidrLines.
var refusedCidrLines = func() (lines []string) {
	for _, test := range cidrLines {
		if test.want != "" {
			lines = append(lines, test.line)
		}
	}
	return lines
}()

// Every error of opening is the original's, but for those about what it would
// wait for.
func TestPostmapRefuses(t *testing.T) {
	p := newPostmapper(t)
	p.must(os.Mkdir(p.dir+"/dir", 0o700))
	dup := p.file("dup", "a b\n")
	var waits sync.WaitGroup
	for _, ref := range []string{
		"static:", ":x", "nosuch:x", "texthash:" + p.dir + "/none", "texthash:" + p.dir + "/dir", "cidr:" + p.dir + "/none", "cidr:" + p.dir + "/dir",
		"inline:x", "inline:{", "inline:{}", "inline:{ }", "inline:{x=y}z", "inline:{{x=y}z}", "inline:{ x = y }", `inline:{"x=y}`, "inline:{{}}", "inline:{a=\xff}",
		"static:{", "static:{a}b", "randmap:a", "randmap:{a}}", "randmap:{,}", "unix:foo", "unionmap:x", "unionmap:{x}", "unionmap:{static:a {static:b c}}",
		"unionmap:{texthash:" + dup + ",a:}", "pipemap:{}", "cidr:{x}", "cidr:{{1.2.3.4 x}y}", "cidr:{{1.2.3.4 x}",
	} {
		_, err := p.Open(ref, ReadOnly, postmapFlags)
		if err == nil {
			t.Errorf("%s: no error", ref)
			continue
		}
		waits.Go(func() { // for a second each
			_, stderr, _ := p.run("", "-q", "x", ref)
			theirs := strings.TrimSpace(strings.TrimPrefix(stderr, "postmap: fatal: "))
			ours := strings.ToValidUTF8(err.Error(), "?")
			if theirs = strings.TrimPrefix(theirs, "open dictionary: "); ours != theirs {
				t.Errorf("%s: we say\n%s\nand postmap\n%s", ref, ours, theirs)
			}
		})
	}
	waits.Wait()
}

// Files as values: postmap -F decodes what it finds.
func TestPostmapFiles(t *testing.T) {
	p := newPostmapper(t)
	one, two, none := p.file("one", "this is one\n\n"), p.file("two", "two\xffof\x01bytes"), p.file("empty", "")
	text := "a " + one + "\nb " + one + ", " + two + "\nc " + p.dir + "/none\nd ,\ne " + none + " " + two + "\n"
	rules := "1.1.1.1 " + one + "\n2.2.2.2 " + one + ", " + two + "\n3.3.3.3 " + p.dir + "/none\n4.4.4.4 ,\n"
	for _, test := range []struct {
		ref  string
		keys []string
	}{
		{"texthash:" + p.file("table", text), []string{"a", "b", "c", "d", "e"}},
		{"cidr:" + p.file("rules", rules), []string{"1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"}},
		{"static:{" + one + " " + two + "}", []string{"a"}},
		{"inline:{a=" + one + "}", []string{"a", "b"}},
		{"randmap:{" + two + "}", []string{"a"}},
		{"pipemap:{static:" + one + ",static:" + two + "}", []string{"a"}},
	} {
		p.log = nil
		table, err := p.Open(test.ref, ReadOnly, postmapFlags|RHSIsFile)
		p.must(err)
		var ours strings.Builder
		for _, line := range p.log {
			fmt.Fprintf(&ours, "postmap: %s\n", line)
		}
		for _, key := range test.keys {
			want, stderr, _ := p.run("", "-F", "-q", key, test.ref)
			if stderr != ours.String() {
				t.Errorf("%s: we log\n%s\nand postmap\n%s", test.ref, ours.String(), stderr)
			}
			a := table.Get(key, postmapFlags|RHSIsFile, nil)
			got := ""
			if a.Status == OK {
				got = decodeValue(t, a.Value) + "\n"
			}
			if got != want {
				t.Errorf("%s: %s: we say %q, postmap %q", test.ref, key, got, want)
			}
		}
		table.Close()
	}
}

func decodeValue(t *testing.T, value string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Postfix folds every character that there is as we do.
func TestPostmapFoldsEveryCharacter(t *testing.T) {
	p := newPostmapper(t)
	fold := func(s string) string {
		folded, ok := Fold(s, postmapFlags, Fixed)
		if !ok {
			t.Fatal(s)
		}
		return folded
	}
	var text strings.Builder
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Cs, r) {
			fmt.Fprintf(&text, "X%06x-%c v\n", r, r)
		}
	}
	stdout, stderr, status := p.run("", "-s", "texthash:"+p.file("table", text.String()))
	if stderr != "" || status != 0 {
		t.Fatalf("%d, %.1000s", status, stderr)
	}
	n := 0
	for line := range strings.Lines(stdout) {
		var r rune
		if _, err := fmt.Sscanf(line, "x%06x-", &r); err != nil {
			t.Fatal(err)
		}
		if got := fold(string(r)) + "\tv\n"; got != line[len("x000000-"):] {
			t.Errorf("%U: we say %q, postmap %q", r, got, line)
		}
		n++
	}
	if want := int(unicode.MaxRune) + 1 - 0x80 - 0x800; n != want {
		t.Errorf("%d characters, want %d", n, want)
	}
}
