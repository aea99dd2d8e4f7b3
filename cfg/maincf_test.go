// SPDX-License-Identifier: ISC

package cfg

import (
	"slices"
	"strings"
	"testing"
)

func TestParseMainErrors(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader("a = 1\nb\n  c\n= 2\nd=\n e = f\ng h = 1\n"))
	want := `main.cf, line 2: missing '=' after attribute name: "b  c"
main.cf, line 4: missing attribute name: "= 2"
main.cf, line 7: missing '=' after attribute name: "g h = 1"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// What is right is there all the same.
	if raw, set := m.Raw("d"); raw != "e = f" || !set || m.Line("d") != 5 {
		t.Errorf("d: %q, %v, line %d", raw, set, m.Line("d"))
	}
}

func TestMainSet(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader("a = file\nb = $a\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := m.Clone()
	c.Set("a", "  over\nridden ")
	c.SetDefault("d", "clone's")
	if got, err := c.Value("b"); got != "over ridden" || err != nil {
		t.Errorf("clone: b -> %q, %v", got, err)
	}
	if c.Line("a") != 0 || m.Line("a") != 1 {
		t.Errorf("lines %d, %d", c.Line("a"), m.Line("a"))
	}
	if got, err := m.Expand("$b$d"); got != "file" || err != nil {
		t.Errorf("original: $b$d -> %q, %v", got, err)
	}
}

func TestConfigDirectory(t *testing.T) {
	m := NewMain("/srv/main.cf")
	m.SetDefault("config_directory", "/srv/")
	if err := m.read(strings.NewReader("config_directory = /etc\nx = $config_directory\n")); err != nil {
		t.Fatal(err)
	}
	notes := m.Notes()
	if len(notes) != 1 || notes[0].Text != "/srv/main.cf, line 1: overriding earlier entry: config_directory=/srv/" {
		t.Errorf("notes %q", notes)
	}
	if got, err := m.Value("x"); got != "/etc" || err != nil {
		t.Errorf("x -> %q, %v", got, err)
	}
}

func TestWriteMainFolds(t *testing.T) {
	m := NewMain("main.cf")
	m.Set("mydestination", strings.Repeat("host.example.com, ", 12)+"# end")
	var b strings.Builder
	if err := WriteMain(&b, m); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 101 || strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
			t.Errorf("line %q", line)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

func TestWriteMainRefuses(t *testing.T) {
	m := NewMain("main.cf")
	for _, name := range []string{"", "#a", "a b", "a=b"} {
		m.Set(name, "x")
	}
	m.Set("ok", "a\x00b")
	var b strings.Builder
	err := WriteMain(&b, m)
	if len(All(err)) != 5 || b.Len() != 0 {
		t.Errorf("wrote %q, %v", b.String(), err)
	}
}

// TestEqual: what counts is what a parameter is, not where or when it was set.
func TestEqual(t *testing.T) {
	read := func(text string) *Main {
		m, err := ParseMain("main.cf", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	basis := read("a = 1\nb =\n")
	for text, want := range map[string]bool{
		"a = 1\nb =\n": true, "# moved\nb =\n\na =   1\n": true,
		"a = 2\nb =\n": false, "a = 1\n": false, "a = 1\nb =\nc =\n": false, "a = 1\nc =\n": false,
	} {
		if m := read(text); m.Equal(basis) != want || basis.Equal(m) != want {
			t.Errorf("%q: %v, want %v", text, !want, want)
		}
	}
	other := basis.Clone()
	other.SetDefault("myhostname", "host.example")
	if other.Equal(basis) {
		t.Error("another default makes no difference")
	}
}

func FuzzParseMain(f *testing.F) {
	for _, seed := range []string{
		"a = b\n c\n# d\n e\n", "a=\n", "= x", " a\n", "a\x00b=c\n", "a = # b\n # c\n\t#d", "a = b\r\n c\r\n", "a = \v\fb\n\vc",
		"a = " + strings.Repeat("word #word ", 40),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, _ := ParseMain("main.cf", strings.NewReader(text))
		var b strings.Builder
		if err := WriteMain(&b, m); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := ParseMain("main.cf", strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%q became %q: %v", text, b.String(), err)
		}
		sameSettings(t, m, again)
		for _, name := range slices.Concat(m.Names(), []string{"myhostname", "mydomain", "proxy_read_maps"}) {
			_, _ = m.Value(name) // no panic, no end of time
			_, _ = m.Time(name)
			_, _ = m.Int(name)
		}
	})
}
