// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
	"testing"
)

const texthashSource = `# a comment
a b
c
"x y" z
q: r
"unb z
a c
d
 e
 # between
` + "\t  f  \n" + `\" k
a\ b v
"a\" b" w
Up per
` + "\xff x\nm \xff\n"

func TestTexthash(t *testing.T) {
	w := newWorld(t)
	path := w.file("table", texthashSource)
	warnings := []string{
		"warning: table, line 3: expected format: key whitespace value -- ignoring this line",
		`warning: table, line 5: record is in "key: value" format; is this an alias file?`,
		`warning: table, line 6: unbalanced '"' in '"unb z' -- ignoring this line`,
	}
	table := w.open("texthash:"+path, DupIgnore)
	w.logged(warnings...)
	for key, want := range map[string]string{
		"a": "=b", "c": "no key", `"x y"`: "=z", "x y": "no key", "q:": "=r", "d": "=e\t  f", `\"`: "=k", `a\ b`: "=v", `"a\" b"`: "=w",
		"Up": "=per", "up": "no key", "\xff": "=x", "m": "=\xff", "": "no key",
	} {
		w.asks(table, key, 0, want)
	}
	w.asks(table, "up", FoldFix, "=per")
	w.asks(table, "UP", FoldFix, "=per")
	w.walks(table, Pair{"a", "b"}, Pair{`"x y"`, "z"}, Pair{"q:", "r"}, Pair{"d", "e\t  f"}, Pair{`\"`, "k"}, Pair{`a\ b`, "v"},
		Pair{`"a\" b"`, "w"}, Pair{"Up", "per"}, Pair{"\xff", "x"}, Pair{"m", "\xff"})

	table = w.open("texthash:"+path, DupIgnore|FoldFix|UTF8Request)
	w.logged(append(warnings,
		`warning: table, line 16: non-UTF-8 input "? x" -- ignoring this line`,
		`warning: table, line 17: non-UTF-8 input "m ?" -- ignoring this line`)...)
	w.asks(table, "UP", FoldFix|UTF8Request, "=per")
	w.asks(table, "up", 0, "=per")
	w.asks(table, "m", FoldFix|UTF8Request, "no key")
}

func TestTexthashDuplicates(t *testing.T) {
	w := newWorld(t)
	path := w.file("table", "a one\nb x\nA two\na three\n")
	for _, test := range []struct {
		f    Flags
		want string
		log  []string
	}{
		{DupIgnore, "=one", nil},
		{DupWarn, "=one", []string{`warning: table, line 4: duplicate entry: "a"`}},
		{DupWarn | FoldFix, "=one", []string{`warning: table, line 3: duplicate entry: "a"`, `warning: table, line 4: duplicate entry: "a"`}},
		{DupReplace, "=three", nil},
		{DupReplace | FoldFix, "=three", nil},
	} {
		w.asks(w.open("texthash:"+path, test.f), "a", test.f, test.want)
		w.logged(test.log...)
	}
	for f, line := range map[Flags]string{0: "line 4", FoldFix: "line 3"} {
		_, err := w.Open("texthash:"+path, ReadOnly, f)
		if want := path + ", " + line + `: duplicate entry: "a"`; err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", f, err, want)
		}
	}
}

func TestTexthashOfFiles(t *testing.T) {
	w := newWorld(t)
	one, two := w.file("one", "this is one\n"), w.file("two", "two")
	path := w.file("table", "a "+one+"\nb "+one+", "+two+"\nc "+w.dir+"/none\nd ,\n")
	table := w.open("texthash:"+path, RHSIsFile)
	w.asks(table, "a", 0, "=dGhpcyBpcyBvbmUK")
	w.asks(table, "b", 0, "=dGhpcyBpcyBvbmUKCnR3bw==")
	w.asks(table, "c", 0, "no key")
	w.asks(table, "d", 0, "no key")
	w.logged("warning: table, line 3: open none: No such file or directory: skipping this entry",
		"warning: table, line 4: empty pathname list: >>,<<': skipping this entry")
}

func TestSourceNotes(t *testing.T) {
	w := newWorld(t)
	w.asks(w.open("texthash:"+w.file("table", " a b\nc d\x00e\n f\n"), 0), "c", 0, "=d")
	w.logged(`warning: table: logical line must not start with whitespace: " a b"`,
		"warning: table, line 2-3: text after null byte may be ignored")
}

func FuzzTexthash(f *testing.F) {
	f.Add(texthashSource, "a", uint32(DupIgnore|FoldFix|UTF8Request))
	f.Add("a\\", "a\\", uint32(0))
	f.Add("a \"\nB \\\n", "b", uint32(FoldFix))
	w := newWorld(f)
	path := w.dir + "/table"
	f.Fuzz(func(t *testing.T, text, key string, flags uint32) {
		w.t = t
		w.file("table", text)
		w.log = nil
		table, err := w.Open("texthash:"+path, ReadOnly, Flags(flags)&^RHSIsFile)
		if err != nil {
			if !strings.Contains(err.Error(), "duplicate entry") {
				t.Error(err)
			}
			return
		}
		defer table.Close()
		// What a walk finds, a question does.
		walker := table.(Walker)
		for p, s := walker.Next(true, 0, nil); s == OK; p, s = walker.Next(false, 0, nil) {
			if a := table.Get(p.Key, 0, nil); a != (Answer{p.Value, OK}) {
				t.Errorf("%q: got %v, want %q", p.Key, a, p.Value)
			}
		}
		if a := table.Get(key, Flags(flags), nil); a.Status == Later || a.Status == Retry {
			t.Errorf("%q: %s", key, spell(a))
		}
	})
}

func FuzzInline(f *testing.F) {
	f.Add(`{x=y, {"a b" = c}, {a\=b=c}}`, uint32(FoldFix|UTF8Request))
	f.Add(`{{}}`, uint32(0))
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, name string, flags uint32) {
		w.t = t
		if name == "" {
			return
		}
		w.log = nil
		table, err := w.Open("inline:"+name, ReadOnly, Flags(flags)&^RHSIsFile)
		if err != nil {
			return
		}
		defer table.Close()
		walker := table.(Walker)
		n := 0
		for p, s := walker.Next(true, 0, nil); s == OK; p, s = walker.Next(false, 0, nil) {
			if a := table.Get(p.Key, 0, nil); a != (Answer{p.Value, OK}) {
				t.Errorf("%q: got %v, want %q", p.Key, a, p.Value)
			}
			n++
		}
		if n == 0 {
			t.Errorf("%q is an empty table", name)
		}
	})
}

// A hundred thousand rows.
func BenchmarkTexthash(b *testing.B) {
	w := newWorld(b)
	var text strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&text, "user%d@example.com\tmailbox/%d/\n", i, i)
	}
	path := w.file("table", text.String())
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.open("texthash:"+path, FoldFix|UTF8Request)
		}
	})
	table := w.open("texthash:"+path, FoldFix|UTF8Request)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if a := table.Get("user99999@example.com", FoldFix|UTF8Request, nil); a.Status != OK {
				b.Fatal(spell(a))
			}
		}
	})
}
