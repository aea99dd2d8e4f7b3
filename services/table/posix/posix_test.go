// SPDX-License-Identifier: ISC

package posix

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestAnswers holds what the C library was seen to answer.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		flags, expr, key, want string
	}{
		{"ei", `j`, "J", "0 1"},
		{"e", `\j`, "j", "0 1"},
		{"ei", `\j`, "j", "none"},
		{"ei", `[Z-a]`, "b", "Invalid range end"},
		{"e", `[a---z]`, "-", "Invalid range end"},
		{"e", `[---]`, "-", "0 1"},
		{"e", `[a-]`, "-", "0 1"},
		{"e", `[a-c-e]`, "-", "Invalid range end"},
		{"e", `[%--]`, "-", "0 1"},
		{"e", `[--a]`, "1", "0 1"},
		{"e", `[]a]`, "]", "0 1"},
		{"e", `[^]a]`, "]", "none"},
		{"e", `[[.a.]-c]`, "b", "0 1"},
		{"e", `[[.-.]-z]`, "-", "0 1"},
		{"e", `[[:alpha:]-z]`, "-", "Invalid range end"},
		{"e", `[a-[:alpha:]]`, "-", "Invalid range end"},
		{"e", `[[:foo:]]`, "a", "Invalid character class name"},
		{"e", `[[.space.]]`, "a", "Invalid collation character"},
		{"e", `[`, "a", "Invalid regular expression"},
		{"e", `[^`, "a", "Invalid regular expression"},
		{"e", `[a`, "a", "Unmatched [, [^, [:, [., or [="},
		{"e", `[[:alpha`, "a", "Unmatched [, [^, [:, [., or [="},
		{"e", `(|a)`, "a", "0 1 0 1"},
		{"e", `(|a)*`, "aaa", "0 3 2 3"},
		{"e", `(a|ab)(c|bcd)(d*)`, "abcd", "0 4 0 1 1 4 4 4"},
		{"e", `(a*)*`, "b", "0 0 0 0"},
		{"e", `(a*)+`, "aab", "0 2 0 2"},
		{"e", `(a*)*{2}`, "aaa", "0 3 3 3"},
		{"e", `(a*){0,2}`, "aaa", "0 3 3 3"},
		{"e", `(a*){1,2}`, "aaa", "0 3 0 3"},
		{"e", `((a)|b)*`, "ab", "0 2 1 2 0 1"},
		{"e", `((a))\2`, "aa", "0 2 0 1 0 1"},
		{"e", `(a)|b`, "b", "0 1 -1 -1"},
		{"e", `(a){0}b`, "b", "0 1 -1 -1"},
		{"e", `a{,2}`, "aaa", "0 2"},
		{"e", `a{,}`, "a", "0 1"},
		{"e", `a{1`, "a", `Unmatched \{`},
		{"e", `a{2,1}`, "a", `Invalid content of \{\}`},
		{"e", `a{}`, "a", `Invalid content of \{\}`},
		{"e", `a{32768}`, "a", "Regular expression too big"},
		{"e", `{`, "{", "Invalid preceding regular expression"},
		{"e", `^*`, "a", "Invalid preceding regular expression"},
		{"e", `a)`, "a)", "0 2"},
		{"e", `(a`, "a", `Unmatched ( or \(`},
		{"e", `a\`, "a", "Trailing backslash"},
		{"e", `(a)|\1`, "a", "Invalid back reference"},
		{"e", `(a)\1`, "xaa", "1 3 1 2"},
		{"ei", `(a)\1`, "xAa", "1 3 1 2"},
		{"e", `\<b\>`, "ab b", "3 4"},
		{"e", `\W`, "\n", "0 1"},
		{"en", `^b$`, "a\nb\nc", "2 3"},
		{"e", `^b$`, "a\nb\nc", "none"},
		{"en", `.|[^a]`, "\n", "none"},
		{"en", "\\`b", "a\nb", "none"},
		{"e", "a\x00(", "a\x00b", "0 1"},
		{"-", `^*a`, "*a", "0 2"},
		{"-", `a^b$c`, "a^b$c", "0 5"},
		{"-", `\(^a\|b$\)`, "xb", "1 2 1 2"},
		{"-", `a\|*b`, "*b", "0 2"},
		{"-", `a\)`, "a", `Unmatched ( or \(`},
		{"-", `a**`, "aa", "Invalid preceding regular expression"},
		{"-", `a\{2\}(b)`, "aa(b)", "0 5"},
	} {
		got := "none"
		r, err := Compile(test.expr, question{flags: test.flags}.mode())
		if err != nil {
			got = err.Error()
		} else if m, err := r.Find(test.key); err != nil {
			got = err.Error()
		} else if m != nil {
			got = strings.Trim(fmt.Sprint(m), "[]")
		}
		if got != test.want {
			t.Errorf("%s /%s/ %q: got %s, want %s", test.flags, test.expr, test.key, got, test.want)
		}
	}
}

// TestBounded gives what would take for ever.
func TestBounded(t *testing.T) {
	if _, err := Compile(strings.Repeat("(", 5000), Extended); !errors.Is(err, ErrSize) {
		t.Errorf("deep: %v", err)
	}
	if _, err := Compile("(((a{1,500}){1,500}){1,500}){1,500}", Extended); !errors.Is(err, ErrSize) {
		t.Errorf("large: %v", err)
	}
	r, err := Compile(`(a*)(b*)(a*)(.*)\1\2\3\4(x\1|y)\4d`, Extended)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Match(strings.Repeat("ab", 2000) + "xd"); ok || !errors.Is(err, ErrSteps) {
		t.Errorf("steps: %v, %v", ok, err)
	}
	r, err = Compile(`(a?){200}(b*)(a|aa)*$`, Extended)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := r.Find(strings.Repeat("a", 4000)); m == nil || err != nil {
		t.Errorf("linear: %v, %v", m, err)
	}
}

// TestReference compares us with the plain meaning of expressions made at
// random.
func TestReference(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		q := (&generator{Rand: rnd, plain: true}).question()
		r, err := Compile(q.expr, q.mode())
		if err != nil {
			continue
		}
		from, to, sure := q.reference()
		m, err := r.Find(q.key)
		ok, err2 := r.Match(q.key)
		if sure && (err != nil || err2 != nil || ok != (m != nil) || ok != (from >= 0) || ok && (m[0] != from || m[1] != to)) {
			t.Errorf("%+q: match %v, find %v, %v %v; want %d %d", q, ok, m, err, err2, from, to)
		}
	}
}

type question struct{ flags, expr, key string }

func (q question) mode() Flags {
	var f Flags
	if strings.Contains(q.flags, "e") {
		f |= Extended
	}
	if strings.Contains(q.flags, "i") {
		f |= IgnoreCase
	}
	if strings.Contains(q.flags, "n") {
		f |= Newline
	}
	return f
}

// reference finds the match by what each part of the expression means: where
// in the string, and with what in the groups, it can lead to. Negative is
// none; ok is false if there are too many ways to tell.
func (q question) reference() (from, to int, ok bool) {
	tree, parser, err := parse(q.expr, q.mode())
	if err != nil {
		return -1, -1, true
	}
	m := meaning{prog: prog{newline: q.mode()&Newline != 0, fold: q.mode()&IgnoreCase != 0}, s: q.key, backs: parser.backs, left: 1e6}
	for i := range len(q.key) + 1 {
		last := -1
		start := situation{at: i}
		for g := range start.groups {
			start.groups[g] = [2]int{-1, -1}
		}
		for end := range m.ends(tree, start) {
			last = max(last, end.at)
		}
		if m.left < 0 {
			return 0, 0, false
		}
		if last >= 0 {
			return i, last, true
		}
	}
	return -1, -1, true
}

type meaning struct {
	prog
	s     string
	backs uint
	left  int // steps
}

// situation is how far one got, and those groups that are referred to.
type situation struct {
	at     int
	groups [9][2]int
}

type situations map[situation]bool

func (m *meaning) ends(t *tree, from situation) situations {
	list := situations{}
	if t == nil {
		list[from] = true
		return list
	}
	if m.left--; m.left < 0 {
		return list
	}
	i := from.at
	moved := func(to int) {
		from.at = to
		list[from] = true
	}
	switch t.op {
	case opChar, opSet:
		if i < len(m.s) && (t.op == opChar && m.byteAt(m.s, i) == t.c || t.op == opSet && t.set.has(m.byteAt(m.s, i))) {
			moved(i + 1)
		}
	case opPlace:
		if before, after := m.sides(m.s, i); t.pos.holds(before, after) {
			moved(i)
		}
	case opGroup:
		for end := range m.ends(t.left, from) {
			if t.group < 9 && m.backs&(1<<t.group) != 0 {
				end.groups[t.group] = [2]int{i, end.at}
			}
			list[end] = true
		}
	case opCat:
		return m.then(m.ends(t.left, from), t.right)
	case opOr:
		list = m.ends(t.left, from)
		for end := range m.ends(t.right, from) {
			list[end] = true
		}
	case opRepeat:
		now := situations{from: true}
		for range t.min {
			now = m.then(now, t.left)
		}
		for n := t.min; len(now) > 0; n++ {
			fresh := situations{}
			for end := range now {
				if !list[end] {
					list[end], fresh[end] = true, true
				}
			}
			if n == t.max {
				break
			}
			now = m.then(fresh, t.left)
		}
	case opBack:
		g := from.groups[t.group]
		if g[0] < 0 || g[1]-g[0] > len(m.s)-i {
			break
		}
		a, b := m.s[g[0]:g[1]], m.s[i:i+g[1]-g[0]]
		if a == b || m.fold && lower(a) == lower(b) {
			moved(i + len(a))
		}
	}
	return list
}

func (m *meaning) then(from situations, t *tree) situations {
	list := situations{}
	for s := range from {
		for end := range m.ends(t, s) {
			list[end] = true
		}
	}
	return list
}

type generator struct {
	*rand.Rand
	extended  bool
	groups    int
	reference bool // with back-references
	plain     bool // never with them
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) question() question {
	flags := ""
	if g.extended = g.IntN(4) > 0; g.extended {
		flags += "e"
	}
	if g.IntN(2) == 0 {
		flags += "i"
	}
	if g.IntN(5) == 0 {
		flags += "n"
	}
	if flags == "" {
		flags = "-"
	}
	g.reference = !g.plain && g.IntN(4) == 0
	expr := g.alternatives(3)
	var key strings.Builder
	for range g.IntN(9) {
		key.WriteString(g.pick("a", "a", "b", "b", "c", "A", "B", "_", " ", "-", "\n", "\xe4"))
	}
	return question{flags, expr, key.String()}
}

// op writes an operator as the language wants it.
func (g *generator) op(s string) string {
	if g.extended {
		return s
	}
	return `\` + s
}

func (g *generator) alternatives(depth int) string {
	var branches []string
	for range 1 + g.IntN(10)/7 {
		var b strings.Builder
		for range g.IntN(4) + min(1, g.IntN(8)) {
			b.WriteString(g.piece(depth))
		}
		branches = append(branches, b.String())
	}
	return strings.Join(branches, g.op("|"))
}

func (g *generator) piece(depth int) string {
	atom := g.atom(depth)
	for g.IntN(5) > 2 {
		atom += g.pick("*", "*", g.op("+"), g.op("?"), g.op("{")+g.pick("0", "1", "2", "1,", "0,1", "1,2", ",2", "2,3", "0,3", "0,")+g.op("}"))
		if !g.extended {
			break
		}
	}
	return atom
}

func (g *generator) atom(depth int) string {
	switch n := g.IntN(20); {
	case n < 6 && depth > 0:
		g.groups++
		return g.op("(") + g.alternatives(depth-1) + g.op(")")
	case n < 12:
		return g.pick("a", "b", "c", "a", "b")
	case n < 14:
		return "."
	case n < 16:
		return g.pick("[ab]", "[^a]", "[[:alpha:]]", "[b-c]", "[^[:space:]]", "[]a]", "[_-]", "[A-B]", "[[:upper:]]", "[[=a=]b]", "[^\n]")
	case n < 18:
		return g.pick("^", "$", `\<`, `\>`, `\b`, `\B`, "\\`", `\'`, `\w`, `\W`, `\s`, `\S`)
	case n < 19 && g.reference:
		return `\` + g.pick("1", "1", "2")
	default:
		return g.pick("a", "b", "_", " ", "-", "\\-", `\.`, `\a`, "\xe4", "\n", "B")
	}
}

func FuzzRegexp(f *testing.F) {
	f.Add("(a|ab)(c|bcd)(d*)", "abcd", byte(1))
	f.Add(`\\(a*\\)\\{2,3\\}\\1[[:alpha:]-]`, "aab", byte(2))
	f.Add(`(^|x|\<)*[^]a-z]+$`, "x\nA", byte(7))
	f.Add(`((a*)*|b)*\2{2}\W`, "aab ", byte(5))
	f.Fuzz(func(t *testing.T, expr, key string, flags byte) {
		r, err := Compile(expr, Flags(flags&7))
		if err != nil {
			return
		}
		ok, err := r.Match(key)
		m, err2 := r.Find(key)
		if err != nil || err2 != nil {
			return
		}
		if ok != (m != nil) || ok && len(m) != 2*r.Groups()+2 {
			t.Fatalf("match %v, find %v", ok, m)
		}
		for i := 0; i < len(m); i += 2 {
			if m[i] > m[i+1] || m[i+1] > len(key) || (m[i] < 0) != (m[i+1] < 0) {
				t.Fatalf("find %v in %d bytes", m, len(key))
			}
		}
		q := question{"-", cString(expr), cString(key)}
		for i, c := range "ein" {
			if flags&(1<<i) != 0 {
				q.flags += string(c)
			}
		}
		if len(expr) > 50 || len(key) > 50 {
			return
		}
		if from, to, sure := q.reference(); sure && (ok != (from >= 0) || ok && (m[0] != from || m[1] != to)) {
			t.Fatalf("find %v, want %d %d", m, from, to)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, bench := range []struct{ name, expr, key string }{
		{"anchored", `^(.*)-outgoing@(.*)$`, "owner-outgoing@example.com"},
		{"miss", `^Subject: make money fast`, "Received: from mail.example.com (mail.example.com [192.0.2.1])"},
		{"class", `^[[:alnum:]+/]{60,}$`, strings.Repeat("aB3+", 18)},
		{"reference", `(.)\1\1`, "owner-outgoing@example.com"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r, err := Compile(bench.expr, Extended|IgnoreCase)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = r.Match(bench.key)
			}
		})
		b.Run(bench.name+"/groups", func(b *testing.B) {
			r, err := Compile(bench.expr, Extended|IgnoreCase)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = r.Find(bench.key)
			}
		})
	}
}

// lower folds bytes, as the C library does in the C locale.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
