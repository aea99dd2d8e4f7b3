// SPDX-License-Identifier: ISC

package manual

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the pages anew")

const root = "../.."

// TestPages: the pages in man are what their sources come to. That of postloop(1)
// has a part of the program's, so it is made by its tests.
func TestPages(t *testing.T) {
	sources, err := filepath.Glob(root + "/man/src/*")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	made := map[string]bool{"postloop.1": true}
	for _, src := range sources {
		name := filepath.Base(src)
		if made[name] {
			continue
		}
		made[name] = true
		want, err := Page(root, src, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		to := filepath.Join(root, "man", name)
		if *update {
			if err := os.WriteFile(to, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%s is not up to date (%v): make man", to, err)
		}
	}
	there, err := filepath.Glob(root + "/man/*.[1-8]")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range there {
		if !made[filepath.Base(page)] {
			t.Errorf("%s has no source", page)
		}
	}
}

// TestEveryProgram: who can be started has a page.
func TestEveryProgram(t *testing.T) {
	text := ""
	sources, _ := filepath.Glob(root + "/man/src/*")
	for _, src := range sources {
		page, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		text += string(page)
	}
	programs, err := filepath.Glob(root + "/cmd/*/main.go")
	if err != nil || len(programs) == 0 {
		t.Fatal("no programs", err)
	}
	for _, p := range programs {
		if name := filepath.Base(filepath.Dir(p)); !strings.Contains(text, "\n.Nm "+name+" ,\n") && !strings.Contains(text, "\n.Nm "+name+"\n") {
			t.Errorf("no page is called %s", name)
		}
	}
}

func TestMdoc(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"One. Two\nthree.\n", "One.\nTwo three.\n"},
		{"The file `a.cf`, or (`b c`).", "The file\n.Ql a.cf ,\nor\n.Ql ( b c ) .\n"},
		{"See `postconf(5)` and postconf(5).", "See\n.Ql postconf(5)\\&\nand\n.Xr postconf 5 .\n"},
		{"SERVICE`_time_limit` is", "SERVICE\\(oq_time_limit\\(cq is\n"},
		{"It is [here](postloop.md), or [there](x.md#y).", "It is\n.Xr postloop 1 ,\nor there.\n"},
		{"`Fl` and `\"`", ".Ql \\&Fl\nand\n.Ql \\(dq\n"},
		{".x and **bold**", "\\&.x and bold\n"},
		{"| `-c DIR` | what |\n", ""},
	} {
		if c.want == "" {
			continue
		}
		if got := Prose(c.in); got != c.want {
			t.Errorf("%q:\n%swant\n%s", c.in, got, c.want)
		}
	}
	got := mdoc(parse("| option | default | meaning |\n|---|---|---|\n| `-c DIR` | | where |\n| `a`, `b` | `5` | how much. Yes |\n| `--x` | none | `y` |\n\n"))
	want := ".Bl -tag -width Ds\n.It Fl c Ar DIR Pq default: empty\nWhere.\n.It Ic a , Ic b Pq default: 5\nHow much.\nYes.\n" +
		".It Fl \\-x Pq default: none\n.Ql y .\n.El\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = mdoc(parse("# A\n\nText:\n\n    a \\ b\n\n    .c\n\n<!-- x -->\n* one\n  more\n* two\n\n```sh\nd\n```\n"))
	want = ".Ss A\nText:\n.Bd -literal -offset indent\na \\e b\n\n\\&.c\n.Ed\n.Bl -bullet\n.It\none more\n.It\ntwo\n.El\n.Bd -literal -offset indent\nd\n.Ed\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSection(t *testing.T) {
	const page = "# A\n\na\n\n## B\n\nb\n\n### C\n\nc\n\n## D\n\nd\n"
	for name, want := range map[string]string{"A": "a\n.Ss B\nb\n.Ss C\nc\n.Ss D\nd\n", "B": "b\n.Ss C\nc\n", "D": "d\n"} {
		blocks, err := section(page, name)
		if got := mdoc(blocks); err != nil || got != want {
			t.Errorf("%s: %v\n%swant\n%s", name, err, got, want)
		}
	}
	if _, err := section(page, "E"); err == nil {
		t.Error("there is no E")
	}
}
