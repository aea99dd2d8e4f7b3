// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strings"
	"testing"
)

// settings for the tables below.
const expandMain = "compatibility_level = 3.6\nmydomain = A\nb =\na = $b\nrelayhost =\n"

func TestExpand(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader(expandMain))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ in, want string }{
		{`x${mydomain}y$(mydomain)z $$ $mydomain.b`, `xAyAz $ A.b`},
		{`${relayhost?{yes}:no text $mydomain}`, `no text A`},
		{`${mydomain?te:xt}`, `te:xt`},
		{`${{10} > {9}}`, `true`},
		{`${{10} > {9a}?{t}:{f}}`, `f`},
		{`${{3.10} <level {3.9} ? {t} : {f}}`, `f`},
		{`${undefined}|`, `|`},
		{`${{007} == {7} ? {numeq} : {numne}}`, `numeq`},
		{`${mydomain?{a}}{b}`, `a{b}`},
		{`$(mydomain?x)`, `x`},
		{`${{1}=={1}?a:b}`, `a:b`},
		{`${{a } == {a}}`, ``},
		{`${a?{yes}:{no}}`, `yes`},
		{`${ }`, ``},
		{`${mydomain}`, `A`},
		{`${mydomain? {a} }`, `a`},
		{`${mydomain? a }|`, ` a |`},
		{`$(mydomain?{a}:{b})`, `a`},
		{`${{a$mydomain} == {aA}}`, `true`},
		{`${{1}==level{1}}`, `true`},
		{`${{1} ==level{1}?x:y}`, `x:y`},
		{`${{1.0} ==level {1}}`, `true`},
		{`${{-1}<{1}}`, `true`},
		{`${?x}`, ``},
		{`${:x}`, `x`},
		{`${mydomain?{a}:b c}`, `a`},
		{`${mydomain?{a} : {b} }`, `a`},
		{`${b?{a}: {b} }`, `b`},
		{`${b?{a}: b }|`, ` b |`},
		{`${b: x}`, ` x`},
		{`${b : x}`, ` x`},
		{`${ b ?x}`, ``},
		{`${{1} ==level {1} : {x}}`, ``},
		{`${{2} ==level {1} : {x}}`, `x`},
		{"${{2}\t==\t{1}\t:\t{x}}", `x`},
		{`${{} == {}}`, `true`},
		{`${{a} < {b}}`, `true`},
		{`${{B} < {a}}`, `true`},
		{`${{10} < {9}}`, ``},
		{`${{10a} < {9}}`, `true`},
		{`${{1.10} >level {1.9}}`, `true`},
		{`${{1.10.2} >=level {1.10.1}}`, `true`},
		{`${{1.10} ==level {1.10.0}}`, `true`},
		{`${{1}!=level{2}}`, `true`},
		{`${{+1}<level{1}}`, ``},
		{`${{ 1}<level{2}}`, `true`},
		{`${{99999999999}<level{1}}`, ``},
		{`${{300}<level{1}}`, ``},
		{`${{1.300.3}<level{1.299.3}}`, ``},
		{`$$mydomain $$$mydomain $$`, `$mydomain $A $`},
		{`x$$`, `x$`},
		{`${mydomain?$$}`, `$`},
		{`${mydomain?{$mydomain}}`, `A`},
		{`$(mydomain?{${b?{1}:{2}}})`, `2`},
		{`$({1} == {1})`, `true`},
		{`${mydomain?}`, ``},
		{`${mydomain:}`, ``},
		{`${mydomain?{}}`, ``},
		{`${mydomain?{}:{}}`, ``},
		{`${mydomain?{a}:}`, `a`},
		{`${b?{a}:}`, ``},
		{`$my-domain`, `-domain`},
		{`$mydomain_x`, ``},
		{`$mydomain.x`, `A.x`},
		{`$_x`, ``},
		{`$9`, ``},
		{`${unreasonable}`, ``},
		{`$(mydomain)x}`, `Ax}`},
		{`$mydomainé`, `Aé`},
		{`${mydomain??x}`, `?x`},
		{`${mydomain::x}`, ``},
		{`${mydomain?:x}`, `:x`},
		{`${b:?x}`, `?x`},
		{`${{1}==level{8796093022207}}`, ``},
		{`${{1}==level{1.1023}}`, ``},
		{`${{1}==level{1. 2}}`, ``},
		{`${{1}==level{1.+2}}`, ``},
		{`${{9223372036854775807}=={9223372036854775807}}`, `true`},
		{`${b?{$}:{b}}`, `b`},
		{`${domain_to_ascii{ Example.org }}`, `Example.org`},
		{`${domain_to_utf8{$mydomain}?{y}:{n}}`, `y`},
		{`${virtual_alias_maps?{yes}:{no}}`, `no`},
	} {
		if got, err := m.Expand(test.in); got != test.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader(expandMain))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ in, want string }{
		{`${a-b}`, `attribute name syntax error at: "...a>>>-b"`},
		{`${mydomain x}`, `attribute name syntax error at: "...mydomain>>> x"`},
		{`${{1} = {2}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>= {2}"`},
		{`${{1} =={2} x}`, `"?" or ":" expected at: "...}>>>x"`},
		{`${{1} ==foo {2}}`, `bad operator suffix at: "...==>>>foo"`},
		{`${{1} ==levelx {2}}`, `bad operator suffix at: "...==>>>levelx"`},
		{`${{1} ==level {2x}}`, `malformed compatibility level syntax: "2x"`},
		{`${{1} == 2}`, `"{expression}" expected at: "...{1} ==>>> 2"`},
		{`${{1 == 2}`, `truncated macro reference: "${{1 == 2}"`},
		{`${{1} ? {2}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>? {2}"`},
		{`${mydomain?{a}x}`, `":" expected at: "...a}>>>x"`},
		{`${mydomain?{a}:{b}x}`, `unexpected input at: "...b}>>>x"`},
		{`${mydomain:{a}:{b}}`, `unexpected input at: "...a}>>>:{b}"`},
		{`${b:{a}x}`, `unexpected input at: "...a}>>>x"`},
		{`${mydomain?{a}?{b}}`, `":" expected at: "...a}>>>?{b}"`},
		{`${mydomain`, `truncated macro reference: "${mydomain"`},
		{`$`, `empty macro name: "$"`},
		{`$-`, `empty macro name: "$-"`},
		{`${}`, `empty macro name: "${}"`},
		{`$(mydomain`, `truncated macro reference: "$(mydomain"`},
		{`${{a}{b}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...a}>>>{b}"`},
		{`${mydomain?{a{}`, `truncated macro reference: "${mydomain?{a{}"`},
		{`${mydomain?{a$b}:{${x}}`, `truncated macro reference: "${mydomain?{a$b}:{${x}}"`},
		{`${{1} === {1}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>=== {1}"`},
		{`${{1} <> {1}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>><> {1}"`},
		{`${{} ==level {1}}`, `malformed compatibility level syntax: ""`},
		{`${{1.2.3.4} ==level {1}}`, `malformed compatibility level syntax: "1.2.3.4"`},
		{`${{1}`, `truncated macro reference: "${{1}"`},
		{`${=x}`, `attribute name syntax error at: "...>>>=x"`},
		{`${{1} ==LEVEL {1}}`, `bad operator suffix at: "...==>>>LEVEL"`},
		{`${{1}==level_x{1}}`, `"{expression}" expected at: "...{1} ==>>>_x{1}"`},
		{`${{1}<=level{1 }}`, `malformed compatibility level syntax: "1 "`},
		{`${{-1}<level{1}}`, `malformed compatibility level syntax: "-1"`},
		{`${{1.}<level{1}}`, `malformed compatibility level syntax: "1."`},
		{`${{.1}<level{1}}`, `malformed compatibility level syntax: ".1"`},
		{`${{1.2.3 }<level{1}}`, `malformed compatibility level syntax: "1.2.3 "`},
		{`$({1)`, `unbalanced {} in attribute expression: "{1"`},
		{`$({1} == {1}?{x)`, `unbalanced {} in attribute expression: "{x"`},
		{`$(mydomain?{x)`, `unbalanced {} in attribute expression: "{x"`},
		{`$(mydomain?{x}:{y)`, `unbalanced {} in attribute expression: "{y"`},
		{`${mydomain?{$}:{b}}`, `empty macro name: "$"`},
		{`${{$} == {a}}`, `empty macro name: "$"`},
		{`${{1} == {1} {2}}`, `"?" or ":" expected at: "...}>>>{2}"`},
		{`${{1} ==  }`, `"{expression}" expected at: "...{1} ==>>>  "`},
		{`${{1} ==level  }`, `"{expression}" expected at: "...{1} ==>>>  "`},
		{`${{1}==`, `truncated macro reference: "${{1}=="`},
		{`${mydomain=}`, `attribute name syntax error at: "...mydomain>>>="`},
		{`$[mydomain]`, `empty macro name: "$[mydomain]"`},
		{`$(($mydomain))`, `attribute name syntax error at: "...>>>($mydomain)"`},
		{`${({1}=={1})}`, `attribute name syntax error at: "...>>>({1}=={1})"`},
		{`${{1}==level {1}x}`, `"?" or ":" expected at: "...}>>>x"`},
		{`${{1}?=={1}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>?=={1}"`},
		{`${{1}+{1}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>+{1}"`},
		{`${{1}=={1}=}`, `"?" or ":" expected at: "...}>>>="`},
		{`${mydomain?{a} {b}}`, `":" expected at: "...a}>>>{b}"`},
		{`${{1}==-{1}}`, `"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>==-{1}"`},
		{`${{1}==level{9000000000000}}`, `malformed compatibility level syntax: "9000000000000"`},
		{`${{1}==level{8796093022208}}`, `malformed compatibility level syntax: "8796093022208"`},
		{`${{1}==level{1.1024}}`, `malformed compatibility level syntax: "1.1024"`},
		{`${{1}==level{1.2.1024}}`, `malformed compatibility level syntax: "1.2.1024"`},
		{`${{1}==level{1.-2}}`, `malformed compatibility level syntax: "1.-2"`},
		{`${{1.99999999999999999999}==level{2}}`, `malformed compatibility level syntax: "1.99999999999999999999"`},
		{`${{1}==level{1.}}`, `malformed compatibility level syntax: "1."`},
		{`${frob{x}}`, `unknown function "frob" at"...>>>frob{x}"`},
		{`${{9223372036854775808}=={1}}`, `bad conversion: 9223372036854775808; a number to compare must be below 2^63`},
		{`${domain_to_ascii{ä}}`, `domain_to_ascii{ä}: conversion of internationalized names is not supported; write "ä" in the form that is wanted`},
	} {
		if got, err := m.Expand(test.in); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %q, %v, want %s", test.in, got, err, test.want)
		}
	}
}

// TestExpandBlames: the line at fault, which need not be the one asked for.
func TestExpandBlames(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader("a = $b\nb = ${c\nloop = x$loop\nbig = ${{$big} == {}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a":    `main.cf, line 2: parameter b: truncated macro reference: "${c"`,
		"loop": `main.cf, line 3: parameter loop: unreasonable macro call nesting: "x"`,
		"big":  `main.cf, line 4: parameter big: unreasonable macro call nesting: "$big"`,
	} {
		if got, err := m.Value(name); err == nil || err.Error() != want {
			t.Errorf("%s: got %q, %v, want %s", name, got, err, want)
		}
	}
}

// TestExpandNesting: a chain of as many references as Postfix allows, and one
// of one more.
func TestExpandNesting(t *testing.T) {
	for _, n := range []int{maxDepth, maxDepth + 1} {
		m := NewMain("main.cf")
		for i := range n - 1 {
			m.Set(fmt.Sprint("v", i), fmt.Sprint("$v", i+1))
		}
		m.Set(fmt.Sprint("v", n-1), "end")
		got, err := m.Expand("$v0")
		if ok := n <= maxDepth; ok != (err == nil) || ok && got != "end" {
			t.Errorf("%d: got %q, %v", n, got, err)
		}
	}
}

// TestExpandBlowUp: what doubles fifty times must end, whether or not there
// is any output.
func TestExpandBlowUp(t *testing.T) {
	for _, last := range []string{"", "x"} {
		m := NewMain("main.cf")
		for i := range 50 {
			m.Set(fmt.Sprint("v", i), fmt.Sprintf("$v%d$v%d", i+1, i+1))
		}
		m.Set("v50", last)
		if _, err := m.Value("v0"); err == nil || !strings.Contains(err.Error(), "references multiply") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{
		"$a$b", "${a?{$b}:{$c}}", "${{$a} == {$b} ? {x} : y}", "$(a?(b))", "${{1} <level {$compatibility_level}}",
		"$$${", "${domain_to_ascii{$mydomain}}", "$a$a$a", "${{${{$a}=={}}}=={}}", "$myhostname$mydomain",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		m := NewMain("main.cf")
		m.Set("a", a)
		m.Set("b", b)
		m.Set("mydomain", "$b")
		got, err := m.Expand(a)
		if err == nil && len(got) > maxWork {
			t.Errorf("%d bytes", len(got))
		}
		// A text without references is itself.
		if !strings.Contains(a, "$") && len(a) < maxWork && (err != nil || got != a) {
			t.Errorf("%q: got %q, %v", a, got, err)
		}
	})
}
