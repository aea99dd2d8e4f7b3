// SPDX-License-Identifier: ISC

package table

import (
	"strings"
	"testing"
)

// What the original refuses to open, it refuses in these words.
func TestOpenRefused(t *testing.T) {
	w := newWorld(t)
	there := w.file("there", "1.2.3.4 x\n")
	w.must(makeFIFO(w.dir + "/fifo"))
	tests := []struct {
		ref  string
		f    Flags
		want string
	}{
		{"nocolon", 0, `expecting "type:name" form instead of "nocolon"`},
		{"static:", 0, `expecting "type:name" form instead of "static:"`},
		{":x", 0, `expecting "type:name" form instead of ":x"`},
		{"nosuch:x", 0, `unsupported dictionary type: nosuch`},
		{"Static:x", 0, `unsupported dictionary type: Static`},
		{"proxy:x", 0, `expecting "type:name" form instead of "x"`},
		{"debug:static:", 0, `expecting "type:name" form instead of "static:"`},

		{"texthash:none", 0, `open database DIR/none: No such file or directory`},
		{"texthash:.", 0, `read DIR/.: Is a directory`},
		{"texthash:fifo", 0, `read DIR/fifo: not a file`},
		{"texthash:/dev/zero", 0, `file too large: /dev/zero`},

		{"inline:x", 0, `bad syntax: "inline:x"; need "inline:{name=value...}"`},
		{"inline:{", 0, `bad syntax: "inline:{"; need "inline:{name=value...}"`},
		{"inline:{}", 0, `bad syntax: "inline:{}"; need "inline:{name=value...}"`},
		{"inline:{ }", 0, `empty table: "inline:{ }"; need "inline:{name=value...}"`},
		{"inline:{x=y}z", 0, `bad syntax: "inline:{x=y}z"; need "inline:{name=value...}"`},
		{"inline: {x=y}", 0, `bad syntax: "inline: {x=y}"; need "inline:{name=value...}"`},
		{"inline:{x=a}}", 0, `bad syntax: "inline:{x=a}}"; need "inline:{name=value...}"`},
		{"inline:{{x=y}", 0, `bad syntax: "inline:{{x=y}"; need "inline:{name=value...}"`},
		{"inline:{x}", 0, `missing '=' after attribute name: "inline:{x}"; need "inline:{name=value...}"`},
		{"inline:{ x = y }", 0, `missing '=' after attribute name: "inline:{ x = y }"; need "inline:{name=value...}"`},
		{"inline:{{x y=z}}", 0, `missing '=' after attribute name: "inline:{{x y=z}}"; need "inline:{name=value...}"`},
		{"inline:{{x=y}z}", 0, `syntax error after '}' in "{x=y}z": "inline:{{x=y}z}"; need "inline:{name=value...}"`},
		{`inline:{"x=y}`, 0, `unbalanced '"': "inline:{"x=y}"; need "inline:{name=value...}"`},
		{"inline:{{}}", 0, `no key found; expected format: key = value: "inline:{{}}"; need "inline:{name=value...}"`},
		{"inline:{a=\xff}", UTF8Request, "bad UTF-8 syntax: \"inline:{a=\xff}\"; need \"inline:{name=value...}\""},
		{"inline:{a=none}", RHSIsFile, `open DIR/none: No such file or directory: "inline:{a=DIR/none}"; need "inline:{name=filename...}"`},
		{"inline:{{a=}}", RHSIsFile, `empty pathname list: >><<': "inline:{{a=}}"; need "inline:{name=filename...}"`},

		{"static:{", 0, `bad static:name syntax: missing '}' in "{"`},
		{"static:{a}b", 0, `bad static:name syntax: syntax error after '}' in "{a}b"`},
		{"static:none", RHSIsFile, `open DIR/none: No such file or directory`},
		{"static:{,}", RHSIsFile, `empty pathname list: >>,<<'`},
		{"static:.", RHSIsFile, `read DIR/.: Is a directory`},

		{"randmap:a", 0, `bad syntax: "randmap:a"; need "randmap:{value...}"`},
		{"randmap:{}", 0, `bad syntax: "randmap:{}"; need "randmap:{value...}"`},
		{"randmap:{,}", 0, `bad syntax: "randmap:{,}"; need "randmap:{value...}"`},
		{"randmap:{{a}", 0, `bad syntax: "randmap:{{a}"; need "randmap:{value...}"`},
		{"randmap:{there,none}", RHSIsFile, `open DIR/none: No such file or directory`},

		{"unix:foo", 0, `unknown table: unix:foo`},

		{"unionmap:x", 0, `bad syntax: "unionmap:x"; need "unionmap:{type:name...}"`},
		{"unionmap:{static:a,x}", 0, `bad syntax: "unionmap:{static:a,x}"; need "unionmap:{type:name...}"`},
		{"unionmap:{static:a {static:b c}}", 0, `unsupported dictionary type: {static`},
		{"unionmap:{inline:{y=z},static:}", 0, `expecting "type:name" form instead of "static:"`},
		{"pipemap:{}", 0, `bad syntax: "pipemap:{}"; need "pipemap:{type:name...}"`},
		{"pipemap:{static:a,nosuch:x}", 0, `unsupported dictionary type: nosuch`},

		{"cidr:none", 0, `open DIR/none: No such file or directory`},
		{"cidr:.", 0, `cidr map DIR/.: read error: Is a directory`},
		{"cidr:{x}", 0, `cidr map: no '{' at start of text in "x"`},
		{"cidr:{1.2.3.4 x}", 0, `cidr map: no '{' at start of text in "1.2.3.4"`},
		{"cidr:{{1.2.3.4 x}", 0, `cidr map: missing '}' in "{{1.2.3.4 x}"`},
		{"cidr:{{1.2.3.4 x}y}", 0, `cidr map: syntax error after '}' in "{1.2.3.4 x}y"`},
		{"cidr:{{1.2.3.4 x}} ", 0, `cidr map: syntax error after '}' in "{{1.2.3.4 x}} "`},
	}
	// Names in the rows above are of this directory.
	inDir := strings.NewReplacer(
		"texthash:none", "texthash:"+w.dir+"/none", "texthash:.", "texthash:"+w.dir+"/.", "texthash:fifo", "texthash:"+w.dir+"/fifo",
		"cidr:none", "cidr:"+w.dir+"/none", "cidr:.", "cidr:"+w.dir+"/.",
		"=none", "="+w.dir+"/none", "static:none", "static:"+w.dir+"/none", "static:.", "static:"+w.dir+"/.",
		"{there,none}", "{"+there+","+w.dir+"/none}")
	for _, test := range tests {
		ref := inDir.Replace(test.ref)
		table, err := w.Open(ref, ReadOnly, test.f)
		if want := strings.ReplaceAll(test.want, "DIR", w.dir); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", ref, table, err, want)
		}
	}
	w.logged()
}

func TestOpenForWriting(t *testing.T) {
	w := newWorld(t)
	there := w.file("there", "1.2.3.4 x\n")
	for _, ref := range []string{
		"texthash:" + there, "cidr:" + there, "inline:{a=b}", "randmap:{a}", "unionmap:{static:a}", "pipemap:{static:a}", "unix:passwd.byname",
	} {
		table, err := w.Open(ref, ReadWrite, 0)
		if want := ref + " map requires O_RDONLY access mode"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", ref, table, err, want)
		}
	}
	for _, ref := range []string{"internal:x", "environ:x", "fail:x", "debug:internal:x"} {
		table, err := w.Open(ref, ReadWrite, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := table.(Writer); !ok {
			t.Errorf("%s: not a Writer", ref)
		}
		table.Close()
	}
	table, err := w.Open("debug:static:x", ReadWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if _, ok := table.(Writer); ok {
		t.Error("debug:static:x is a Writer")
	}
	if _, ok := table.(Walker); ok {
		t.Error("debug:static:x is a Walker")
	}
}

func TestFlagsOfTypes(t *testing.T) {
	w := newWorld(t)
	for ref, want := range map[string]Flags{
		"texthash:/dev/null": Fixed, "inline:{a=b}": Fixed, "static:x": Fixed, "environ:x": Fixed, "internal:x": Fixed, "unix:group.byname": Fixed,
		"cidr:/dev/null": Pattern, "randmap:{a}": Pattern, "fail:x": Pattern,
		"unionmap:{static:a,fail:x}": Fixed, "pipemap:{fail:x,static:a}": Pattern,
		"debug:fail:x": Pattern, "proxy:proxy:static:x": Fixed,
	} {
		if got := w.open(ref, 0).Flags(); got != want {
			t.Errorf("%s: got %v, want %v", ref, got, want)
		}
	}
}
