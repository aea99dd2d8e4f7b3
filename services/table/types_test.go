// SPDX-License-Identifier: ISC

package table

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/loop/looptest"
)

func makeFIFO(path string) error { return unix.Mkfifo(path, 0o600) }

func TestTypes(t *testing.T) {
	w := newWorld(t)
	t.Setenv("TABLE_Test", "exact")
	t.Setenv("table_test", "folded")
	t.Setenv("empty", "")
	one, two := w.file("one", "this is one\n"), w.file("two", "two")
	const utf = UTF8Request
	tests := []struct {
		ref  string
		open Flags
		key  string
		f    Flags
		want string
	}{
		{"static:a", 0, "x", 0, "=a"},
		{"static: a ", 0, "x", 0, "= a "},
		{"static:{ a  b }", 0, "x", 0, "=a  b"},
		{"static:{}", 0, "x", 0, "="},
		{"static:a{b", 0, "", 0, "=a{b"},
		{"static:x", 0, "\xff", 0, "=x"},
		{"static:" + one, RHSIsFile, "x", 0, "=dGhpcyBpcyBvbmUK"},
		{"static:{" + one + ", " + two + "}", RHSIsFile, "x", 0, "=dGhpcyBpcyBvbmUKCnR3bw=="},
		{"static:/dev/null", RHSIsFile, "x", 0, "="},

		{"randmap:{a}", 0, "x", 0, "=a"},
		{"randmap:{ {a b} }", 0, "x", 0, "={a b}"},
		{"randmap:{{}}", 0, "x", 0, "={}"},
		{"randmap:{" + two + "}", RHSIsFile, "x", 0, "=dHdv"},

		{"inline:{x=y}", 0, "x", 0, "=y"},
		{"inline:{ {x = y z} , {x = y,w} }", 0, "x", 0, "=y,w"},
		{"inline:{x==y}", 0, "x", 0, "==y"},
		{"inline:{x=}", 0, "x", 0, "="},
		{"inline:{=y}", 0, "", 0, "=y"},
		{`inline:{"x"=y}`, 0, "x", 0, "no key"},
		{`inline:{{"a = b" = c}}`, 0, `"a = b"`, 0, "=c"},
		{`inline:{{a\ b=c}}`, 0, `a\ b`, 0, "=c"},
		{"inline:{x={a}}", 0, "x", 0, "={a}"},
		{"inline:{{x\t=\ty  z }}", 0, "x", 0, "=y  z"},
		{"inline:{X=y}", FoldFix, "X", FoldFix, "=y"},
		{"inline:{X=y}", FoldFix, "x", FoldFix, "=y"},
		{"inline:{X=y}", 0, "x", FoldFix, "=y"}, // as a client of Postfix up to 3.10 asks
		{"inline:{X=y,x=z}", 0, "X", FoldFix, "=y"},
		{"inline:{X=y,x=z}", DupReplace, "X", FoldFix, "=z"},
		{"inline:{X=y,x=z}", FoldFix, "X", FoldFix, "=z"},
		{"inline:{X=y,x=z}", 0, "X", 0, "=y"},
		{"inline:{X=y}", 0, "x", 0, "no key"},
		{"inline:{X=y}", 0, "X", FoldMul, "=y"},
		{"inline:{Ä=y}", FoldFix, "ä", FoldFix, "no key"},
		{"inline:{Ä=y}", FoldFix, "ä", FoldFix | utf, "=y"},
		{"inline:{Ä=y}", FoldFix | utf, "Ä", FoldFix | utf, "=y"},
		{"inline:{a=" + two + "}", RHSIsFile, "a", 0, "=dHdv"},

		{"environ:x", 0, "TABLE_Test", 0, "=exact"},
		{"environ:x", 0, "TABLE_Test", FoldFix, "=folded"},
		{"environ:x", 0, "empty", 0, "="},
		{"environ:x", 0, "no such variable", 0, "no key"},
		{"environ:x", 0, "a=b", 0, "no key"},
		{"environ:x", 0, "", 0, "no key"},

		{"fail:x", 0, "x", 0, "retry"},
		{"internal:x", 0, "x", 0, "no key"},
		{"proxy:proxy:inline:{x=y}", 0, "x", 0, "=y"},

		{"cidr:{{1.2.3.4 x}, { 1.2.3.5	y z }}", 0, "1.2.3.5", 0, "=y z"},
		{"cidr:{{1.2.3.4 {a}}}", 0, "1.2.3.4", 0, "={a}"},
		{"cidr:{{if 1.2.3.4} {1.2.3.4 yes} {endif} {0.0.0.0/0 no}}", 0, "1.2.3.4", 0, "=yes"},
		{"cidr:{{# foo} {}}", 0, "1.2.3.4", 0, "no key"},
		{"cidr:{}", 0, "1.2.3.4", 0, "no key"},
		{"cidr:{{1.2.3.4\n x}}", 0, "1.2.3.4", 0, "=x"},
		{"cidr:{{1.2.3.4 " + two + "}}", RHSIsFile, "1.2.3.4", 0, "=dHdv"},
		{"cidr:/dev/null", 0, "1.2.3.4", 0, "no key"},

		{"unionmap:{static:a,static:b}", 0, "x", 0, "=a,b"},
		{"unionmap:{static:a static:{b c}}", 0, "x", 0, "=a,b c"},
		{"unionmap:{inline:{y=z},static:a}", 0, "x", 0, "=a"},
		{"unionmap:{inline:{y=z},internal:x}", 0, "x", 0, "no key"},
		{"unionmap:{static:a,fail:x}", 0, "x", 0, "retry"},
		{"unionmap:{fail:x,static:a}", 0, "x", 0, "retry"},
		{"unionmap:{proxy:static:a}", 0, "x", 0, "=a"},
		{"unionmap:{inline:{x=1},inline:{x=2}}", FoldFix, "X", FoldFix, "=1,2"},
		{"unionmap:{inline:{x=},inline:{x=}}", 0, "x", 0, "=,"},
		{"pipemap:{inline:{x=y},inline:{y=z}}", 0, "x", 0, "=z"},
		{"pipemap:{inline:{x=y},inline:{w=z}}", 0, "x", 0, "no key"},
		{"pipemap:{static:a,fail:x}", 0, "x", 0, "retry"},
		{"pipemap:{inline:{x=Y},inline:{y=z}}", 0, "X", FoldFix, "=z"},
		{"pipemap:{proxy:inline:{x=y},debug:pipemap:{inline:{y=z},inline:{z=end}}}", 0, "x", 0, "=end"},
	}
	for _, test := range tests {
		table, err := w.Open(test.ref, ReadOnly, test.open)
		if err != nil {
			t.Errorf("%s: %v", test.ref, err)
			continue
		}
		a := table.Get(test.key, test.f, func(Answer) { t.Errorf("%s: a later answer", test.ref) })
		if got := spell(a); got != test.want {
			t.Errorf("%s (%v), %q (%v): got %s, want %s", test.ref, test.open, test.key, test.f, got, test.want)
		}
		table.Close()
	}
	w.logged(`info: pipemap:{inline:{y=z},inline:{z=end}} lookup: "y" = "end"`)
}

// What is not UTF-8 is not found, or not told, and logged, by every type.
func TestUTF8Layer(t *testing.T) {
	w := newWorld(t)
	for _, ref := range []string{
		"static:x", "randmap:{x}", "inline:{x=y}", "environ:x", "internal:x", "fail:x", "cidr:/dev/null", "texthash:/dev/null", "unix:passwd.byname",
		"unionmap:{static:x}", "pipemap:{static:x}",
	} {
		w.asks(w.open(ref, UTF8Request), "\xff", UTF8Request, "no key")
		w.logged("warning: " + ref + `: non-UTF-8 key "?": malformed UTF-8 or invalid codepoint`)
	}
	w.asks(w.open("static:\xff", 0), "x", UTF8Request, "config")
	w.logged(`warning: static:?: key "x": non-UTF-8 value "?": malformed UTF-8 or invalid codepoint`)
	w.asks(w.open("unionmap:{static:a,static:\xff}", 0), "x", UTF8Request, "config")
	w.logged(`warning: static:?: key "x": non-UTF-8 value "?": malformed UTF-8 or invalid codepoint`)
	w.asks(w.open("static:\xff", 0), "x", 0, "=\xff")
	w.logged()
}

func TestRandmapTakesAll(t *testing.T) {
	w := newWorld(t)
	table := w.open("randmap:{a,b c}", 0)
	seen := map[string]bool{}
	for len(seen) < 3 { // one that never came would be seen as a test that never ends
		seen[table.Get("x", 0, nil).Value] = true
	}
	if !seen["a"] || !seen["b"] || !seen["c"] {
		t.Errorf("got %v", seen)
	}
}

func TestInternal(t *testing.T) {
	w := newWorld(t)
	opened, err := w.Open("internal:x", ReadWrite, 0)
	w.must(err)
	defer opened.Close()
	table := opened.(Writer)
	put := func(key, value string, f Flags, want Status) {
		t.Helper()
		if got := table.Put(key, value, f, nil); got != want {
			t.Errorf("put %s: got %v, want %v", key, spellStatus(got), spellStatus(want))
		}
	}
	remove := func(key string, f Flags, want Status) {
		t.Helper()
		if got := table.Delete(key, f, nil); got != want {
			t.Errorf("delete %s: got %v, want %v", key, spellStatus(got), spellStatus(want))
		}
	}
	w.walks(table)
	put("a", "1", 0, OK)
	put("b", "2", 0, OK)
	put("C", "3", FoldFix, OK)
	w.asks(table, "c", 0, "=3")
	w.asks(table, "C", FoldFix, "=3")
	w.asks(table, "C", 0, "no key")
	put("a", "4", 0, OK)
	put("a", "5", DupIgnore, NoKey)
	w.logged()
	put("a", "5", DupWarn, NoKey)
	w.logged(`warning: internal:x: duplicate entry: "a"`)
	put("b", "6", DupReplace|DupWarn|SyncUpdate, OK)
	w.walks(table, Pair{"a", "4"}, Pair{"b", "6"}, Pair{"c", "3"})

	// A walk survives that what it has just returned is deleted.
	walker := table.(Walker)
	var seen []string
	for p, s := walker.Next(true, 0, nil); s == OK; p, s = walker.Next(false, 0, nil) {
		seen = append(seen, p.Key)
		remove(p.Key, 0, OK)
	}
	if len(seen) != 3 {
		t.Errorf("walked over %q", seen)
	}
	remove("a", 0, NoKey)
	put("d", "7", 0, OK)
	if p, s := walker.Next(false, 0, nil); s != OK || p.Key != "d" { // and one without a beginning has one
		t.Errorf("got %v, %s", p, spellStatus(s))
	}
	remove("\xff", UTF8Request, OK)
	put("\xff", "x", UTF8Request, OK)
	w.log = nil
	w.walks(table, Pair{"d", "7"})
}

func TestEnvironIsSet(t *testing.T) {
	w := newWorld(t)
	t.Setenv("table_set", "old")
	table := w.open("environ:x", 0).(Writer)
	if s := table.Put("TABLE_SET", "new", FoldFix, nil); s != OK || os.Getenv("table_set") != "new" {
		t.Errorf("got %s, %q", spellStatus(s), os.Getenv("table_set"))
	}
	if s := table.Put("a=b", "x", 0, nil); s != Config {
		t.Errorf("got %s", spellStatus(s))
	}
	w.logged(`warning: environ:x: set "a=b": Invalid argument`)
	if s := table.Delete("table_set", 0, nil); s != Config {
		t.Errorf("got %s", spellStatus(s))
	}
	w.logged("warning: table environ:x: delete operation is not supported")
}

func TestFail(t *testing.T) {
	w := newWorld(t)
	table := w.open("fail:x", 0)
	if s := table.(Writer).Put("a", "b", 0, nil); s != Retry {
		t.Error(spellStatus(s))
	}
	if s := table.(Writer).Delete("a", 0, nil); s != Retry {
		t.Error(spellStatus(s))
	}
	if _, s := table.(Walker).Next(true, 0, nil); s != Retry {
		t.Error(spellStatus(s))
	}
}

func TestDebug(t *testing.T) {
	w := newWorld(t)
	opened, err := w.Open("debug:internal:x", ReadWrite, 0)
	w.must(err)
	defer opened.Close()
	table := opened.(Writer)
	table.Put("a", "1", 0, nil)
	table.Put("a", "1", DupIgnore, nil)
	w.asks(table, "a", 0, "=1")
	w.asks(table, "b", 0, "no key")
	w.walks(table, Pair{"a", "1"})
	table.Delete("a", 0, nil)
	table.Delete("a", 0, nil)
	w.asks(w.open("debug:fail:y", 0), "a", 0, "retry")
	w.logged(
		`info: internal:x update: "a" = "1": success`,
		`info: internal:x update: "a" = "1": failed`,
		`info: internal:x lookup: "a" = "1"`,
		`info: internal:x lookup: "b" = "not_found"`,
		`info: internal:x sequence: "a" = "1"`,
		`info: internal:x sequence: found EOF`,
		`info: internal:x delete: "a": success`,
		`info: internal:x delete: "a": failed`,
		`info: fail:y lookup: "a" = "error"`,
	)
}

func TestChanged(t *testing.T) {
	w := newWorld(t)
	path, value := w.file("table", "a one\n"), w.file("value", "x")
	tables := map[string]Changer{}
	for _, ref := range []string{
		"texthash:" + path, "cidr:" + path, "unionmap:{static:a,texthash:" + path + "}", "pipemap:{texthash:" + path + "}", "debug:texthash:" + path,
	} {
		tables[ref] = w.open(ref, 0).(Changer)
	}
	for _, ref := range []string{"static:" + value, "inline:{a=" + value + "}", "randmap:{" + value + "}", "cidr:{{1.2.3.4 " + value + "}}"} {
		tables[ref] = w.open(ref, RHSIsFile).(Changer)
	}
	w.log = nil
	expect := func(want bool) {
		t.Helper()
		for ref, table := range tables {
			if got := table.Changed(); got != want {
				t.Errorf("%s: got %v, want %v", ref, got, want)
			}
		}
	}
	expect(false)
	w.must(os.Remove(path))
	w.must(os.Remove(value))
	expect(false) // there is nothing better
	w.file("table", "a two\n")
	w.file("value", "y")
	expect(true)
}

// A file that is being written counts when its writer is done.
func TestChangedInPlace(t *testing.T) {
	w := newWorld(t)
	path := w.file("table", "a one\nb one\n")
	table := w.open("texthash:"+path, 0).(Changer)
	w.must(os.WriteFile(path, []byte("a tw"), 0o600))
	w.touch(path, 0)
	if table.Changed() {
		t.Error("changed while it is written")
	}
	w.must(os.WriteFile(path, []byte("a two\nb two\n"), 0o600))
	w.touch(path, 0)
	looptest.Advance(w.Loop, fileHot-time.Millisecond)
	if table.Changed() {
		t.Error("changed while it may still be written")
	}
	looptest.Advance(w.Loop, time.Millisecond)
	if !table.Changed() {
		t.Error("not changed")
	}
}

// A table that was read while its file was young is compared once more.
func TestChangedInTheSameTick(t *testing.T) {
	for _, test := range []struct {
		now  string
		want bool
	}{{"a one\n", false}, {"a two\n", true}} {
		w := newWorld(t)
		path := w.file("table", "a one\n")
		w.touch(path, 0)
		table := w.open("texthash:"+path, 0).(*texthash)
		w.must(os.WriteFile(path, []byte(test.now), 0o600))
		w.touch(path, 0)
		var st unix.Stat_t
		w.must(unix.Stat(path, &st))
		table.list[0].id.ctime = identify(&st).ctime // as if within one tick of the clock
		if table.Changed() {
			t.Errorf("%q: changed while it is hot", test.now)
		}
		looptest.Advance(w.Loop, 2*fileHot)
		if got := table.Changed(); got != test.want {
			t.Errorf("%q: got %v, want %v", test.now, got, test.want)
		}
		if !test.want && table.Changed() {
			t.Error("changed the second time")
		}
	}
}

// A missing file that a value names is waited for.
func TestChangedWhenAMissingFileAppears(t *testing.T) {
	w := newWorld(t)
	path := w.file("table", "a "+w.dir+"/none\n")
	table := w.open("texthash:"+path, RHSIsFile)
	w.logged("warning: table, line 1: open none: No such file or directory: skipping this entry")
	if table.(Changer).Changed() {
		t.Error("changed")
	}
	w.file("none", "x")
	if !table.(Changer).Changed() {
		t.Error("not changed")
	}
}
