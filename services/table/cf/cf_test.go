// SPDX-License-Identifier: ISC

package cf_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/services/table/cf"
)

func parse(t *testing.T, text string) *cf.Settings {
	t.Helper()
	s, notes, err := cf.Parse("/t.cf", strings.NewReader(text))
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	return s
}

// TestQuery: what the real memcache client asked for, key by key.
func TestQuery(t *testing.T) {
	const no = "-" // not asked
	for _, row := range []struct{ template, key, want string }{
		{"%s", "a", "a"},
		{"%s", "a@", "a@"},
		{"%s", "@", "@"},
		{"%s", "@b", "@b"},
		{"%s", "", no},
		{"%%-%s-%u-%d-%S-%U-%D", "a@b.c", "%-a@b.c-a-b.c-a@b.c-a-b.c"},
		{"%%-%s-%u-%d-%S-%U-%D", "a@b@c", "%-a@b@c-a@b-c-a@b@c-a@b-c"},
		{"%u", "a", "a"},
		{"%u", "a@", "a"},
		{"%u", "@", no},
		{"%u", "@b", no},
		{"%U", "@b", no},
		{"%d", "a", no},
		{"%d", "a@", no},
		{"%D", "a", no},
		{"%d", "@b.c", "b.c"},
		{"x%1", "a", no},
		{"x%1", "a@", no},
		{"x%1", "@b", "xb"},
		{"%1.%2.%3", "a@x.y.z", "z.y.x"},
		{"%1.%2.%3", "a@y.z", no},
		{"%1.%2.%3", "a@..z.y", no},
		{"%1.%2.%3", "a@x..y", no},
		{"%1.%2.%3", "a@x.y.", no},
		{"%1.%2.%3", "a@.x.y.z", "z.y.x"},
		{"%1.%2.%3", "@x.y.z", "z.y.x"},
		{"%1.%2.%3", "x.y.z", no},
		{"%1.%2.%3", "a@a.b.c.d", "d.c.b"},
		{"%1-%3", "a@1..3", no},
		{"%1-%3", "a@x.2.1", "1-x"},
		{"%9", "a@9.8.7.6.5.4.3.2.1", "9"},
		{"%9", "a@8.7.6.5.4.3.2.1", no},
		{"x", "@", "x"},
		{"x", "", "x"},
		{"", "a", ""},
		{"100%%", "a", "100%"},
		{"%s", "100%d", "100%d"},
		{"é%sé", "ü", "éüé"},
	} {
		tpl, ok := cf.ParseTemplate(row.template)
		if !ok {
			t.Errorf("%q: no template", row.template)
			continue
		}
		text, ok := tpl.Query(row.key, nil)
		if !ok {
			text = no
		}
		if text != row.want {
			t.Errorf("%q with %q: got %q, want %q", row.template, row.key, text, row.want)
		}
		if tpl.String() != row.template {
			t.Errorf("%q: String is %q", row.template, tpl)
		}
	}
	for _, bad := range []string{"%", "abc%", "%x", "%0", "%%%", "%s%", "% s", "%ü"} {
		if _, ok := cf.ParseTemplate(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestFixed: which templates say the same for every key.
func TestFixed(t *testing.T) {
	for text, want := range map[string]bool{"": true, "x": true, "100%%": true, "%s": false, "x%1": false, "%Dx": false} {
		if tpl, _ := cf.ParseTemplate(text); tpl.Fixed() != want {
			t.Errorf("%q: got %v", text, !want)
		}
	}
}

// TestQuote: parts are quoted, one by one, and the template's own text is not.
func TestQuote(t *testing.T) {
	tpl, _ := cf.ParseTemplate("x='%s' and '%u' and '%d' and '%1'")
	quote := func(s string) string { return strings.ReplaceAll(s, "'", "''") }
	if text, ok := tpl.Query("o'b@i'e", quote); !ok || text != "x='o''b@i''e' and 'o''b' and 'i''e' and 'i''e'" {
		t.Errorf("got %q, %v", text, ok)
	}
}

// TestResults: what the real sqlite client made of these values.
func TestResults(t *testing.T) {
	values := []string{"v1@w.x", "plain", "", "@onlydom", "only@"}
	for _, row := range []struct {
		format string
		limit  int
		key    string
		want   string
	}{
		{"%s", 0, "a@b.c", "v1@w.x,plain,@onlydom,only@ 4 1 false"},
		{"[%u]", 0, "a@b.c", "[v1],[plain],[only] 3 1 false"},
		{"[%d]", 0, "a@b.c", "[w.x],[onlydom] 2 1 false"},
		{"[%u-%d-%S-%U-%D]", 0, "a@b.c", "[v1-w.x-a@b.c-a-b.c] 1 1 false"},
		{"[%u-%d-%S-%U-%D]", 0, "k", " 0 1 false"},
		{"%2:%1:%s", 0, "a@b.c", "b:c:v1@w.x,b:c:plain,b:c:@onlydom,b:c:only@ 4 1 false"},
		{"x", 0, "a@b.c", "x,x,x,x 4 1 false"},
		{"%1", 0, "k", " 0 1 false"},
		{"%D", 0, "a@b.c", "b.c,b.c,b.c,b.c 4 1 false"},
		{"%s", 4, "a@b.c", "v1@w.x,plain,@onlydom,only@ 4 1 false"},
		{"%s", 3, "a@b.c", " 4 1 true"},
		{"%d", 2, "a@b.c", "w.x,onlydom 2 1 false"}, // those left out do not count
	} {
		tpl, ok := cf.ParseTemplate(row.format)
		if !ok {
			t.Fatal(row.format)
		}
		r := cf.Results{Format: tpl, Limit: row.limit}
		text, n, empty, over := r.Join(row.key, values)
		counted := 0
		for _, value := range values {
			if r.Counts(row.key, value) {
				counted++
			}
		}
		if counted < n || !over && counted != n {
			t.Errorf("%q for %q: %d count of %d", row.format, row.key, counted, n)
		}
		if got := fmt.Sprint(text, " ", n, " ", empty, " ", over); got != row.want {
			t.Errorf("%q for %q, at most %d: got %q, want %q", row.format, row.key, row.limit, got, row.want)
		}
	}
}

func TestDomain(t *testing.T) {
	for key, want := range map[string]string{
		"a@b": "b", "a@b@c": "c", "a": "", "@b": "", "a@": "", "@": "", "": "",
	} {
		domain, ok := cf.Domain(key)
		if ok != (want != "") || ok && domain != want {
			t.Errorf("Domain(%q) = %q, %v", key, domain, ok)
		}
	}
}

func TestSettings(t *testing.T) {
	s := parse(t, `
# a comment
hosts = one, two
   # another, in the middle
   three
dollar = $x ${y}
empty =
number = 12
yes = YES
no = no
`)
	if text, err := s.String("hosts", "", 0); text != "one, two   three" || err != nil {
		t.Errorf("hosts: %q, %v", text, err)
	}
	if text, err := s.String("dollar", "", 0); text != "$x ${y}" || err != nil {
		t.Errorf("dollar: %q, %v", text, err)
	}
	if text, err := s.String("empty", "x", 0); text != "" || err != nil || !s.Set("empty") {
		t.Errorf("empty: %q, %v", text, err)
	}
	if text, err := s.String("not", "x", 1); text != "x" || err != nil || s.Set("not") {
		t.Errorf("not: %q, %v", text, err)
	}
	if n, err := s.Int("number", 1, 0); n != 12 || err != nil {
		t.Errorf("number: %d, %v", n, err)
	}
	if n, err := s.Int("not", 7, 0); n != 7 || err != nil {
		t.Errorf("not: %d, %v", n, err)
	}
	if b, err := s.Bool("yes", false); !b || err != nil {
		t.Errorf("yes: %v, %v", b, err)
	}
	if b, err := s.Bool("no", true); b || err != nil {
		t.Errorf("no: %v, %v", b, err)
	}
	if b, err := s.Bool("not", true); !b || err != nil {
		t.Errorf("not: %v, %v", b, err)
	}
	if q, err := s.Query("not", "%s"); err != nil || q.String() != "%s" {
		t.Errorf("not: %v, %v", q, err)
	}
	if r, err := s.Results(); err != nil || r.Limit != 0 || r.Format.String() != "%s" {
		t.Errorf("results: %v, %v", r, err)
	}
}

// TestLet: what is said in the program counts, for both forms.
func TestLet(t *testing.T) {
	for _, s := range []*cf.Settings{parse(t, "result_format = a%s\n"), cf.Main("x", cfg.NewMain("main.cf"))} {
		s.Let("result_format", "b%s")
		if r, err := s.Results(); err != nil || r.Format.String() != "b%s" {
			t.Errorf("%s: got %v, %v", s.Name(), r.Format, err)
		}
	}
}

// TestMainCF: the older form, in main.cf, where references are expanded.
func TestMainCF(t *testing.T) {
	main, err := cfg.ParseMain("/etc/main.cf", strings.NewReader(`
pre = P
leg_key_format = $pre:%s
leg_number = 12
leg_bad = x
leg_flag = maybe
leg_tpl = %x
leg_empty =
leg_expansion_limit = -1
leg_loop = $leg_loop
`))
	if err != nil {
		t.Fatal(err)
	}
	s := cf.Main("leg", main)
	if q, err := s.Query("key_format", ""); err != nil || q.String() != "P:%s" {
		t.Errorf("key_format: %v, %v", q, err)
	}
	if n, err := s.Int("number", 1, 0); n != 12 || err != nil {
		t.Errorf("number: %d, %v", n, err)
	}
	if n, err := s.Int("pre", 1, 0); n != 1 || err != nil {
		t.Errorf("pre is another's: %d, %v", n, err)
	}
	for want, ask := range map[string]func() error{
		"bad numerical configuration: leg_bad = x":                                     func() error { _, err := s.Int("bad", 1, 0); return err },
		"bad boolean configuration: leg_flag = maybe":                                  func() error { _, err := s.Bool("flag", true); return err },
		"bad string length 0 < 1: leg_empty = ":                                        func() error { _, err := s.String("empty", "x", 1); return err },
		"db_common_parse: leg: Invalid query template: %x":                             func() error { _, err := s.Query("tpl", ""); return err },
		"invalid leg_expansion_limit parameter value -1 < 0":                           func() error { _, err := s.Results(); return err },
		"/etc/main.cf, line 10: parameter leg_loop: unreasonable macro call nesting: ": func() error { _, err := s.String("loop", "", 0); return err },
	} {
		if err := ask(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	s := parse(t, "number = x\nsmall = 0\nunit = 2s\nbig = 99999999999\nvoid =\nflag = on\nquery = %x\nresult_format = %q\n")
	for want, ask := range map[string]func() error{
		"/t.cf: bad numerical configuration: number = x":        func() error { _, err := s.Int("number", 1, 0); return err },
		"/t.cf: bad numerical configuration: unit = 2s":         func() error { _, err := s.Int("unit", 1, 0); return err },
		"/t.cf: bad numerical configuration: big = 99999999999": func() error { _, err := s.Int("big", 1, 0); return err },
		"/t.cf: bad numerical configuration: void = ":           func() error { _, err := s.Int("void", 1, 0); return err },
		"/t.cf: invalid small parameter value 0 < 1":            func() error { _, err := s.Int("small", 1, 1); return err },
		"/t.cf: bad string length 0 < 1: void = ":               func() error { _, err := s.String("void", "x", 1); return err },
		"/t.cf: bad boolean configuration: flag = on":           func() error { _, err := s.Bool("flag", true); return err },
		"db_common_parse: /t.cf: Invalid query template: %x":    func() error { _, err := s.Query("query", ""); return err },
		"db_common_parse: /t.cf: Invalid result template: %q":   func() error { _, err := s.Results(); return err },
	} {
		if err := ask(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for text, want := range map[string]string{
		"a = b\nbogus line\n": `/t.cf, line 2: missing '=' after attribute name: "bogus line"`,
		"= x\n":               `/t.cf, line 1: missing attribute name: "= x"`,
	} {
		_, _, err := cf.Parse("/t.cf", strings.NewReader(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
		var errs cfg.Errors
		if !errors.As(err, &errs) {
			t.Errorf("%q: %T says no line", text, err)
		}
	}
	s, notes, err := cf.Parse("/t.cf", strings.NewReader("a = 1\na = 2\na = 2\n"))
	if err != nil || len(notes) != 1 || notes[0].Text != "/t.cf, line 2: overriding earlier entry: a=1" {
		t.Errorf("notes: %v, %v", notes, err)
	}
	if text, _ := s.String("a", "", 0); text != "2" {
		t.Errorf("a is %q", text)
	}
	for name, want := range map[string]bool{"/x": true, "./x": true, ".x": true, "x": false, "a/b": false, "": false} {
		if cf.IsFile(name) != want {
			t.Errorf("IsFile(%q)", name)
		}
	}
}

// FuzzTemplate: no template and no key does anything but be refused, be
// suppressed or be filled in, and what is filled in is quoted.
func FuzzTemplate(f *testing.F) {
	f.Add("%s-%u-%d-%1%2%9%%", "user@mail.example.com")
	f.Add("%", "@")
	f.Add("%9%U%D", "a@..b")
	f.Fuzz(func(t *testing.T, text, key string) {
		tpl, ok := cf.ParseTemplate(text)
		if !ok {
			return
		}
		plain, ok := tpl.Query(key, nil)
		if ok && strings.Count(text, "%") == 0 && plain != text {
			t.Fatalf("%q became %q", text, plain)
		}
		quoted, ok2 := tpl.Query(key, func(s string) string {
			if s == "" {
				t.Fatalf("%q: an empty part of %q", text, key)
			}
			return strings.Repeat("q", len(s))
		})
		if ok != ok2 || len(plain) != len(quoted) {
			t.Fatalf("%q with %q: %q, %v quoted %q, %v", text, key, plain, ok, quoted, ok2)
		}
		if r, _, _, _ := (cf.Results{Format: tpl}).Join(key, []string{key}); ok && key != "" && r != plain {
			t.Fatalf("%q with %q: a query %q, a result %q", text, key, plain, r)
		}
	})
}
