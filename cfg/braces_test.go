// SPDX-License-Identifier: ISC

package cfg

import (
	"slices"
	"testing"
)

func TestSplitBraced(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \t\r\n", nil},
		{"a b", []string{"a", "b"}},
		{"-o { a = b  c }", []string{"-o", "a = b  c"}},
		{"{  }", []string{""}},
		{"{} x", []string{"", "x"}},
		{"}", []string{"}"}},
		{"a} b", []string{"a}", "b"}},
		{"a{b c}d", []string{"a{b c}d"}},
		{"p=${q?{r}:{s t}} u", []string{"p=${q?{r}:{s t}}", "u"}},
		{"{{x}}", []string{"{x}"}},
		{"{\v a\f}", []string{"a"}},
		{"a{b c", []string{"a{b c"}},
		{"a}b{c d} e", []string{"a}b{c d}", "e"}},
	} {
		got, err := SplitBraced(row.text, blanks)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("SplitBraced(%q) = %q, %v; want %q", row.text, got, err, row.want)
		}
	}
	if got, err := SplitBraced("A, {B = c,d} ,E", ", \t\r\n"); err != nil || !slices.Equal(got, []string{"A", "B = c,d", "E"}) {
		t.Errorf("with commas: %q, %v", got, err)
	}
}

func TestSplitBracedInvalid(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"a {b c", `missing '}' in "{b c"`},
		{"{", `missing '}' in "{"`},
		{"{{x}", `missing '}' in "{{x}"`},
		{"{a}b c", `syntax error after '}' in "{a}b"; specify whitespace there`},
		{"{a}{b}", `syntax error after '}' in "{a}{b}"; specify whitespace there`},
		{"{}}", `syntax error after '}' in "{}}"; specify whitespace there`},
	} {
		got, err := SplitBraced(row.text, blanks)
		if err == nil || err.Error() != row.want {
			t.Errorf("SplitBraced(%q) = %q, %v; want %s", row.text, got, err, row.want)
		}
	}
}

func TestBrace(t *testing.T) {
	for _, row := range []struct {
		word string
		last bool
		want string // empty: cannot be written
	}{
		{"a", false, "a"},
		{"", false, "{}"},
		{"a b", false, "{a b}"},
		{"{x}", false, "{{x}}"},
		{"}", false, "}"},
		{"${a?{b c}}", false, "${a?{b c}}"},
		{"a}b{c d}", false, "a}b{c d}"},
		{"a{b", true, "a{b"},
		{"a{b", false, ""},
		{"a {b", true, ""},
		{" a", false, ""},
		{"a\r", true, ""},
		{"a\nb", true, ""},
		{"a\x00b", true, ""},
	} {
		got, err := brace(row.word, row.last)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("brace(%q, %v) = %q, %v; want %q", row.word, row.last, got, err, row.want)
		}
	}
}

func TestOverrides(t *testing.T) {
	for _, row := range []struct {
		args []string
		want []Override
		rest []string
	}{
		{nil, nil, nil},
		{[]string{"-o", "a=b"}, []Override{{"a", "b"}}, nil},
		{[]string{"-oa=b", "-v", "-vo", "c = d e"}, []Override{{"a", "b"}, {"c", "d e"}}, []string{"-v", "-v"}},
		{[]string{"-m", "5", "-o", "a=", "user=x", "-o", "b=c"}, []Override{{"a", ""}}, []string{"-m", "5", "user=x", "-o", "b=c"}},
		{[]string{"-m5", "-o", "a==b=c"}, []Override{{"a", "=b=c"}}, []string{"-m5"}},
		{[]string{"-v", "--", "-o", "a=b"}, nil, []string{"-v", "--", "-o", "a=b"}},
		{[]string{"-", "-o", "a=b"}, nil, []string{"-", "-o", "a=b"}},
	} {
		s := Service{Args: row.args}
		got, rest, err := s.Overrides()
		if err != nil || !slices.Equal(got, row.want) || !slices.Equal(rest, row.rest) {
			t.Errorf("%q: %q, %q, %v; want %q, %q", row.args, got, rest, err, row.want, row.rest)
		}
	}
}

func TestOverridesInvalid(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-o", "a"}, `m, line 3: invalid "-o a" option value: missing '=' after attribute name; specify -o name=value`},
		{[]string{"-o", "=b"}, `m, line 3: invalid "-o =b" option value: missing attribute name; specify -o name=value`},
		{[]string{"-v", "-o"}, `m, line 3: option -o requires a value`},
	} {
		s := Service{File: "m", Line: 3, Args: row.args}
		if _, _, err := s.Overrides(); err == nil || err.Error() != row.want {
			t.Errorf("%q: %v; want %s", row.args, err, row.want)
		}
	}
}
