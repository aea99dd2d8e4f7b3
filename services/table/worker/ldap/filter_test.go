// SPDX-License-Identifier: ISC

package ldap

import (
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestStrictFilter(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"mail=x", "(mail=x)"},
		{"  (mail=x) ", "(mail=x)"},
		{"( mail=x)", "(mail=x)"},
		{"(mail= x )", `(mail=\20x\20)`},
		{"(mail=*)", "(mail=*)"},
		{"(mail=a*b*c*)", "(mail=a*b*c*)"},
		{`(mail=\2a\29\(\*\\)`, `(mail=\2a\29\28\2a\5c)`},
		{"(mail=é)", `(mail=\c3\a9)`},
		{"(mail=\xff)", `(mail=\ff)`},
		{"(mail=)", "(mail=)"},
		{"(mail;lang-de=x)", "(mail;lang-de=x)"},
		{"(1.2.3=x)", "(1.2.3=x)"},
		{"(n>=1)", "(n>=1)"},
		{"(n<=1*)", `(n<=1\2a)`},
		{"(n~=x)", "(n~=x)"},
		{"(n:=x)", "(n:=x)"},
		{"(n:DN:2.4.8:=x)", "(n:dn:2.4.8:=x)"},
		{"(:dn:rule:=x)", "(:dn:rule:=x)"},
		{"(:rule:=x)", "(:rule:=x)"},
		{"(n:dn:=x)", "(n:dn:=x)"},
		{"(&)", "(&)"},
		{"(|)", "(|)"},
		{"( & (a=b) (!( c=d))\n(| (e=f)) )", "(&(a=b)(!(c=d))(|(e=f)))"},
		{"a=b=c", `(a=b\3dc)`},
		{"a=)", ""},
		{"a=b)(c=d", ""},
		{"&(a=b)", ""},
		{"", ""},
		{"(", ""},
		{"()", ""},
		{"(a)", ""},
		{"(=x)", ""},
		{"(a=b", ""},
		{"(a=b))", ""},
		{"(a=b)(c=d)", ""},
		{"((a=b))", ""},
		{"(a=b(c)d)", ""},
		{"(!)", ""},
		{"(!(a=b)(c=d))", ""},
		{"(!(a=b) )", ""},
		{"(a=b**c)", ""},
		{"(a=**)", ""},
		{"(&a=b)", ""},
		{"(a b=c)", ""},
		{"(-a=c)", ""},
		{"(;x=c)", ""},
		{`(a=\2)`, ""},
		{`(a=\x)`, ""},
		{`(a=\`, ""},
		{"(a:b=c)", ""},
		{"(:=x)", ""},
		{"(a::=x)", ""},
		{"(a:dn::=x)", ""},
		{strings.Repeat("(!", 1000) + "(a=b)" + strings.Repeat(")", 1000), ""},
	} {
		got, err := strictFilter(row.text)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q: got %q, %v, want %q", row.text, got, err, row.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, row := range []struct{ text, filter, dn string }{
		{"a@b.c", "a@b.c", "a@b.c"},
		{`*()\`, `\2A\28\29\5C`, `*()\5C`},
		{"a b,c+d", "a b,c+d", `a\20b\2Cc\2Bd`},
		{"\"#;<>\t=", "\"#;<>\t=", `\22\23\3B\3C\3E\09=`},
	} {
		if got := quoteFilter(row.text); got != row.filter {
			t.Errorf("%q in a filter: got %q, want %q", row.text, got, row.filter)
		}
		if got := quoteDN(row.text); got != row.dn {
			t.Errorf("%q in a name: got %q, want %q", row.text, got, row.dn)
		}
	}
}

// FuzzStrictFilter: what is taken is a filter to the library, and stays what it
// is; and what is quoted is one value, whatever it holds.
func FuzzStrictFilter(f *testing.F) {
	f.Add(`(&(a=b*)(|(c>=\2a)(!(d:dn:1.2:=\())))`, "*)(x=*")
	f.Add("mail=x", "ü")
	f.Fuzz(func(t *testing.T, text, key string) {
		if strict, err := strictFilter(text); err == nil {
			if _, err := goldap.CompileFilter(strict); err != nil {
				t.Fatalf("%q became %q: %v", text, strict, err)
			}
			if again, err := strictFilter(strict); err != nil || again != strict {
				t.Fatalf("%q became %q and then %q, %v", text, strict, again, err)
			}
		}
		strict, err := strictFilter("(&(a=" + quoteFilter(key) + ")(b=c))")
		if err != nil || strings.Count(strict, "(") != 3 || strings.Contains(strict, "*") {
			t.Fatalf("%q became %q, %v", key, strict, err)
		}
	})
}
