// SPDX-License-Identifier: ISC

package pcre

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

type question struct{ options, expr, key string }

func (q question) parsed() Options {
	var o Options
	for i, c := range "imsxAEU" {
		if strings.ContainsRune(q.options, c) {
			o |= []Options{Caseless, Multiline, DotAll, Extended, Anchored, DollarEndOnly, Ungreedy}[i]
		}
	}
	return o
}

// ours answers in the words of oracle.c.
func (q question) ours() string {
	re, err := Compile(q.expr, q.parsed())
	if err != nil {
		e, _ := errors.AsType[*Error](err)
		return fmt.Sprintf("error %d %s", e.Offset, e.Text)
	}
	m, err := re.Find(q.key)
	ok, err2 := re.Match(q.key)
	switch {
	case err != nil:
		return "failed " + err.Error()
	case err2 != nil || ok != (m != nil):
		return "in contradiction with itself"
	case m == nil:
		return "no"
	}
	return "yes " + strings.Trim(fmt.Sprint(m), "[]")
}

// readAnswers reads testdata/answers: lines of options, expression, key and what
// PCRE2 10.42 answers in the words of oracle.c.
func readAnswers(t *testing.T) (questions []question, answers []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/answers")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		expr, err := strconv.Unquote(f[1])
		key, err2 := strconv.Unquote(f[2])
		if err != nil || err2 != nil {
			t.Fatalf("%q: %v %v", line, err, err2)
		}
		questions, answers = append(questions, question{f[0], expr, key}), append(answers, f[3])
	}
	return questions, answers
}

func TestAnswers(t *testing.T) {
	questions, answers := readAnswers(t)
	for i, q := range questions {
		if ours := q.ours(); ours != answers[i] {
			t.Errorf("%s %+q %+q:\n got  %s\n want %s", q.options, q.expr, q.key, ours, answers[i])
		}
	}
}

func TestUnsupported(t *testing.T) {
	for expr, want := range map[string]string{
		"(*UTF)a":    "error in regex at offset 6: (*UTF) is not supported here",
		"(*UCP)a":    "error in regex at offset 6: (*UCP) is not supported here",
		"(*CRLF)a":   "error in regex at offset 7: (*CRLF) is not supported here",
		"(*LF)(*CR)": "error in regex at offset 10: (*CR) is not supported here",
		`a\X`:        `error in regex at offset 3: \X is not supported here`,
		"(*sr:a)":    "error in regex at offset 5: script runs are not supported here",
	} {
		if _, err := Compile(expr, 0); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", expr, err, want)
		}
	}
}

// TestBounded gives what PCRE2 gives up, or would take for ever.
func TestBounded(t *testing.T) {
	for _, test := range []struct {
		expr, key string
		ok        bool
		err       error
	}{
		{"^(a+)+$", strings.Repeat("a", 5000) + "b", false, nil},
		{"^(a|aa|(a*)*)*$", strings.Repeat("a", 500) + "b", false, nil},
		{"(x+x+)+y", strings.Repeat("x", 1000), false, nil},
		{"(.*)*(.*)*(.*)*z", strings.Repeat("x", 500), false, nil},
		{`^(a+)+\1b`, strings.Repeat("a", 5000), false, ErrSteps},
		{"(a?(?R)b)*", strings.Repeat("a", 100), false, ErrRecursion},
		{"^(a(?1)?)*$", strings.Repeat("a", 20000) + "b", false, ErrSteps},
		{"^(?=(a+)+$)", strings.Repeat("a", 40) + "b", false, ErrSteps},
		{".*.*.*x", strings.Repeat("a", 50000), false, ErrSteps},
		{".*@.*", strings.Repeat("@", 100000), true, nil},
	} {
		re, err := Compile(test.expr, DotAll)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := re.Match(test.key); ok != test.ok || !errors.Is(err, test.err) {
			t.Errorf("%s: %v, %v; want %v, %v", test.expr, ok, err, test.ok, test.err)
		}
	}
	for _, expr := range []string{strings.Repeat("(", 300), strings.Repeat("(a", 300) + strings.Repeat(")", 300), "((((a|b){999}){999}){999}){999}"} {
		if _, err := Compile(expr, 0); err == nil {
			t.Errorf("%.20s: no error", expr)
		}
	}
}

// What is nothing, very often, is compiled at once.
func TestNothingOften(t *testing.T) {
	for _, expr := range []string{"(?:(?:(?:a{0}){65535}){65535}){65535}b", "(?:(?:(?:(?:){9999}){9999}){9999}){9999}b"} {
		re, err := Compile(expr, 0)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := re.Match("ab"); !ok || err != nil {
			t.Errorf("%s: %v, %v", expr, ok, err)
		}
	}
}

func FuzzRegexp(f *testing.F) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		q := (&generator{Rand: rnd}).question()
		f.Add(q.expr, q.key, byte(q.parsed()))
	}
	f.Fuzz(func(t *testing.T, expr, key string, options byte) {
		re, err := Compile(expr, Options(options&127))
		if err != nil {
			return
		}
		ok, err := re.Match(key)
		m, err2 := re.Find(key)
		if ok != (m != nil) || ok && len(m) != 2*re.Groups()+2 || !errors.Is(err, err2) {
			t.Fatalf("match %v, find %v, %v %v", ok, m, err, err2)
		}
		for i := 0; i < len(m); i += 2 {
			if (m[i] < 0) != (m[i+1] < 0) || m[i] > len(key) || m[i+1] > len(key) {
				t.Fatalf("find %v in %d bytes", m, len(key))
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, bench := range []struct{ name, expr, key string }{
		{"anchored", `^(.*)-outgoing@(.*)$`, "owner-outgoing@example.com"},
		{"miss", `^Subject: make money fast`, "Received: from mail.example.com (mail.example.com [192.0.2.1])"},
		{"class", `^[[:alnum:]+/]{60,}$`, strings.Repeat("aB3+", 18)},
		{"words", `\b(viagra|cialis|levitra)\b`, "Received: from mail.example.com (mail.example.com [192.0.2.1])"},
		{"lookahead", `^(friend@(?!my\.domain$).*)$`, "friend@example.com"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			re, err := Compile(bench.expr, Caseless|DotAll)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = re.Match(bench.key)
			}
		})
	}
}

// generator makes expressions at random.
type generator struct {
	*rand.Rand
	plain  bool // nothing but what every engine has
	groups int
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) question() question {
	options := "s"
	for _, c := range "imsxAEU" {
		if c == 'i' && g.IntN(2) == 0 || g.IntN(9) == 0 {
			options += string(c)
		}
	}
	g.groups = 0
	expr := g.alternatives(3)
	var key strings.Builder
	for range g.IntN(10) {
		key.WriteString(g.pick("a", "a", "b", "b", "c", "A", "B", "_", " ", "-", "\n", "\xe4", "1", "\r"))
	}
	return question{options, expr, key.String()}
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
	return strings.Join(branches, "|")
}

func (g *generator) piece(depth int) string {
	atom := g.atom(depth)
	if g.IntN(5) > 2 && atom != "" && !strings.Contains("^$", atom) {
		atom += g.pick("*", "*", "+", "?", "{0}", "{1}", "{2}", "{1,}", "{0,1}", "{1,2}", "{,2}", "{2,3}", "{0,3}", "{0,}") + g.pick("", "", "", "?", "+")
	}
	return atom
}

func (g *generator) atom(depth int) string {
	switch n := g.IntN(24); {
	case n < 6 && depth > 0:
		kind := "("
		if !g.plain {
			kind = g.pick("(", "(", "(", "(", "(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!", "(?|", "(?i:", "(?s-i:", "(?<n>", "(?(1)", "(?(?=a)", "(?*", "(?(R)", "(?(<n>)", "(?m:", "(?x:")
		}
		if kind == "(" {
			g.groups++
		}
		return kind + g.alternatives(depth-1) + ")"
	case n < 12:
		return g.pick("a", "b", "c", "a", "b")
	case n < 14:
		return "."
	case n < 16:
		return g.pick("[ab]", "[^a]", "[[:alpha:]]", "[b-c]", "[^[:space:]]", "[]a]", "[_-]", "[A-B]", "[[:upper:]]", `[\w-]`, "[^\n]", `[\dA]`, `[\x61-b\]]`, `[^\W_]`, `[\p{L}1]`)
	case n < 18:
		return g.pick("^", "$", `\b`, `\B`, `\A`, `\z`, `\Z`, `\G`, `\w`, `\W`, `\s`, `\S`, `\d`, `\D`, `\h`, `\v`, `\H`, `\V`, `\N`)
	case n < 19 && !g.plain:
		return g.pick(`\1`, `\1`, `\2`, `\g{-1}`, `(?1)`, `(?R)`, `(?-1)`, `\k<n>`, `(?&n)`, `(?2)`)
	case n < 20 && !g.plain:
		return g.pick("(?i)", "(?-i)", `\K`, `\R`, `\C`, `\pL`, `\P{Lu}`, `\Qa*\E`, `\x61`, `\x{62}`, `\141`, "(?#c)", "(?U)", "(?-s)")
	case n < 21 && !g.plain && g.IntN(2) == 0:
		return g.pick("(*ACCEPT)", "(*FAIL)", "(*COMMIT)", "(*PRUNE)", "(*SKIP)", "(*THEN)", "(*MARK:m)", "(*SKIP:m)")
	default:
		return g.pick("a", "b", "_", " ", "-", `\-`, `\.`, "\xe4", "\n", "B", "1")
	}
}
