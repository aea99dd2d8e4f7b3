// SPDX-License-Identifier: ISC

package table

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// What is said of the lines of a table that has everything.
func TestRulesWarnings(t *testing.T) {
	for _, typ := range []string{"regexp", "pcre"} {
		w := newWorld(t)
		w.open(typ+":testdata/rules/all.map", 0)
		got := strings.Join(w.log, "\n") + "\n"
		golden := "testdata/rules/all." + typ
		if *update {
			w.must(os.WriteFile(golden, []byte(got), 0o600))
		}
		want, err := os.ReadFile(golden)
		w.must(err)
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", typ, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	for _, typ := range []string{"regexp", "pcre"} {
		w := newWorld(t)
		table := w.open(typ+":"+w.file("rules", `# comment
/^(a+)(x)?@/	$1-${2}-$(1)$$1
/^A@/	unreachable
!/^[a-z]/i	not small
if /^if/
if !/no/
/(.)$/	ends in
  $1
endif
/no/	no
endif
/^case$/i	small
/^empty$/	$$
'^q/t$'	quote
/x\/y/	slash
`), 0)
		if table.Flags() != Pattern {
			t.Errorf("%s: flags %v", typ, table.Flags())
		}
		w.logged()
		w.asks(table, "aa@b", 0, "=aa--aa$1")
		w.asks(table, "Ax@b", 0, "=A-x-A$1")
		w.asks(table, "Bar", 0, "=not small")
		w.asks(table, "1", 0, "=not small")
		w.asks(table, "ifz", 0, "=ends in  z")
		w.asks(table, "ifno", 0, "=no")
		w.asks(table, "case", 0, "=small")
		w.asks(table, "Case", 0, "=not small")
		w.asks(table, "Case", FoldFix, "=not small")
		w.asks(table, "Case", FoldMul, "=small")
		w.asks(table, "empty", 0, "=$")
		w.asks(table, "q/t", 0, "=quote")
		w.asks(table, "ax/y", 0, "=slash")
		w.asks(table, "else", 0, "no key")
		w.asks(table, "e\x00aa@b", 0, "no key")
		w.logged()
		w.asks(table, "\xff", UTF8Request, "no key")
		w.logged("warning: " + typ + ":rules: non-UTF-8 key \"?\": malformed UTF-8 or invalid codepoint")
	}
}

func TestRulesInline(t *testing.T) {
	for _, typ := range []string{"regexp", "pcre"} {
		w := newWorld(t)
		table := w.open(typ+":{{/^a{2}$/ two $$}, { if /b/ }, {/c/ {c}} {endif}\t{/$/ end}}", 0)
		w.asks(table, "aa", 0, "=two $")
		w.asks(table, "bc", 0, "={c}")
		w.asks(table, "c", 0, "=end")
		w.logged()
	}
}

func TestRulesFlags(t *testing.T) {
	for _, typ := range []string{"regexp", "pcre"} {
		w := newWorld(t)
		one, two := w.file("one", "first\n"), w.file("two", "second $1\xff")
		name := w.file("rules", "/(a)/ $1\n/b/ b\n")
		table := w.open(typ+":"+name, NoRegSub)
		w.logged("warning: " + typ + " map rules, line 1: regular expression substitution is not allowed: skipping this rule")
		w.asks(table, "ab", NoRegSub, "=b")

		name = w.file("files", "/a/ "+one+"\n/b/ "+one+", "+two+"\n/c/ "+w.dir+"/none\n/d/ ,\n/e/\n")
		table = w.open(typ+":"+name, RHSIsFile)
		w.asks(table, "a", RHSIsFile, "=Zmlyc3QK")
		w.asks(table, "b", RHSIsFile, "=Zmlyc3QKCnNlY29uZCAkMf8=")
		w.asks(table, "c", RHSIsFile, "no key")
		w.logged(
			"warning: "+typ+" map files, line 3: open none: No such file or directory: skipping this rule",
			"warning: "+typ+" map files, line 4: empty pathname list: >>,<<': skipping this rule",
			"warning: "+typ+" map files, line 5: no replacement text: using empty string",
			"warning: "+typ+" map files, line 5: empty pathname list: >><<': skipping this rule",
		)
		if table.(Changer).Changed() {
			t.Error("changed")
		}
		w.file("two", "another second\n")
		if !table.(Changer).Changed() {
			t.Error("a file that holds a value has changed, and the table has not")
		}
	}
}

func TestRulesOpen(t *testing.T) {
	for _, typ := range []string{"regexp", "pcre"} {
		w := newWorld(t)
		for ref, want := range map[string]string{
			"{":       typ + " map: missing '}' in \"{\"",
			"{/a/ b}": typ + " map: syntax error after '}' in \"/a/\"",
			"none":    "open none: No such file or directory",
		} {
			if _, err := w.Open(typ+":"+ref, ReadOnly, 0); err == nil || err.Error() != want && ref != "{/a/ b}" {
				t.Errorf("%s:%s: %v", typ, ref, err)
			}
		}
		name := w.file("rules", "/a/ b\n")
		if _, err := w.Open(typ+":"+name, ReadWrite, 0); err == nil || err.Error() != typ+":"+name+" map requires O_RDONLY access mode" {
			t.Errorf("%s: for writing: %v", typ, err)
		}
		table := w.open(typ+":"+name, 0)
		if table.(Changer).Changed() {
			t.Error("changed")
		}
		w.file("rules", "/a/ c\n")
		if !table.(Changer).Changed() {
			t.Error("not changed")
		}
		w.asks(table, "a", 0, "=b")
	}
}

// A pattern and a key that would hold the loop are no match, and a line in the
// log; the rules behind are asked.
func TestRulesBounded(t *testing.T) {
	for typ, want := range map[string]string{
		"regexp": "too many steps",
		"pcre":   "match limit exceeded",
	} {
		w := newWorld(t)
		evil := `(a+)*(a+)*(a+)*\1\2\3x`
		table := w.open(typ+":{{/^"+evil+"/ evil}, {!/^"+evil+"/ not evil}, {if !/^"+evil+"/}, {/a/ inside}, {endif}, {/a/ behind}}", 0)
		begin := time.Now()
		w.asks(table, strings.Repeat("a", 300)+"bx", 0, "=behind")
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: %v", typ, took)
		}
		name := table.(*rules).name
		w.logged(
			"warning: "+typ+" map "+name+", line 1: "+want,
			"warning: "+typ+" map "+name+", line 2: "+want,
			"warning: "+typ+" map "+name+", line 3: "+want,
		)
	}
}

func FuzzRules(f *testing.F) {
	text, err := os.ReadFile("testdata/rules/all.map")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text), "abc")
	f.Add("if /a/\n!/b/ c\nendif\n/(x)(y)?/im $1${2}$(1)$$\n", "xy")
	f.Add("/a/!/b/i c\n  d\n#\nif !x", "a")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, text, key string) {
		if len(text) > 1000 || len(key) > 1000 {
			return
		}
		for _, d := range []*dialect{&regexpDialect, &pcreDialect} {
			table := &rules{common: common{w.Env, d.typ + ":fuzz", Pattern}, sources: w.newSources(), dialect: d, name: "fuzz"}
			table.read(w.sourceLines("fuzz", text), 0)
			for _, r := range table.list {
				if r.isIf && r.end == 0 {
					t.Error("an IF without an end")
				}
			}
			if a := table.Get(key, 0, nil); a.Status != OK && a.Status != NoKey {
				t.Errorf("%v", a)
			}
		}
		w.log = nil
	})
}
