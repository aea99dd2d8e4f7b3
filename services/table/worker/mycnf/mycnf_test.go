// SPDX-License-Identifier: ISC

package mycnf_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/worker/mycnf"
)

// TestValue: what MariaDB's client library makes of values.
func TestValue(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{`user=abc`, `abc`},
		{`  user = abc  `, `abc`},
		{"user\t=\tabc\r", `abc`},
		{`user="abc  "`, `abc  `},
		{`user='abc # d'`, `abc # d`},
		{`user=abc # d`, `abc # d`},
		{`user=abc#d`, `abc#d`},
		{`user=abc ;d`, `abc ;d`},
		{`user="abc" # d`, `abc" # d`},
		{`user="a"b"`, `a"b`},
		{`user="abc`, `abc`},
		{`user='abc'd`, `abc'd`},
		{`user='a"b'`, `a"b`},
		{`user==“x”`, `=“x”`},
		{`user=it's`, `it's`},
		{`user=a\sb`, "a b"},
		{`user=a\tb\bc\nd\re`, "a\tb\bc\nd\re"},
		{`user=a\qb\\c\"d\'e`, `a\qb\c"d'e`},
		{`user="a\sb"`, "a b"},
		{`user=ab\`, `ab\`},
		{`user=`, ``},
		{`user=''`, ``},
		{`user="`, ``},
		{`user`, ``},
	} {
		lines := mycnf.Parse("[client]\n" + row.line + "\n")
		if len(lines) != 1 || lines[0] != (mycnf.Line{Group: "client", Name: "user", Value: row.want}) {
			t.Errorf("%s: got %+v, want %q", row.line, lines, row.want)
		}
	}
}

func TestParse(t *testing.T) {
	got := mycnf.Parse(`before = any group
# [comment]
 [client]
default_character-set = latin1
;skip = this
an odd line
= nothing
[unclosed
port=1
  [mysqld] # whatever
socket=/s
!include /a b
!includedir	/c/
!include
!unknown /x
[]
lost=1
[ client ]
blank=s
`)
	want := []mycnf.Line{
		{Group: "client", Name: "default-character-set", Value: "latin1"},
		{Group: "client", Name: "an odd line"},
		{Group: "client", Name: "port", Value: "1"},
		{Group: "mysqld", Name: "socket", Value: "/s"},
		{Group: "mysqld", Include: "/a b"},
		{Group: "mysqld", Dir: "/c/"},
		{Group: " client ", Name: "blank", Value: "s"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("d/20.cnf", "[client]\nsocket=twenty\nuser=dir\n")
	write("d/10.cnf", "[client]\nsocket=ten\n")
	write("d/30.txt", "[client]\nsocket=thirty\n")
	write("more", "[extra]\nport=7\n[client]\nssl-ca=more\n")
	main := write("my.cnf", strings.ReplaceAll("[extra]\nport=6\n[client]\nuser=a\n!includedir DIR/d\n!includedir DIR/none\n!include DIR/none\n[client]\npassword=\n[mysql]\nuser=no\n!include DIR/more\n", "DIR", dir))
	o := mycnf.New("client", "extra")
	if err := o.Read(main); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"user": "dir", "socket": "twenty", "port": "7", "ssl-ca": "more", "password": ""} {
		if got, ok := o.Get(name); !ok || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := o.Get("host"); ok {
		t.Error("host is set")
	}
	if err := mycnf.New("client").Read(dir + "/none"); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := mycnf.New("client").Read(dir); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a directory: %v", err)
	}
	loop := write("loop", strings.Repeat("!include "+dir+"/loop\n", 3))
	if err := mycnf.New("client").Read(loop); err == nil || !strings.Contains(err.Error(), "include each other") {
		t.Errorf("a file that includes itself: %v", err)
	}
}

// FuzzParse: every line is one thing, and an option can be written so that it
// is read as it was.
func FuzzParse(f *testing.F) {
	f.Add("[client]\nuser = \"a\\sb\"\n!include /x\n")
	f.Add("[a\n]b=c\n!includedir\t/x \n\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, line := range mycnf.Parse(text) {
			if n := len(line.Name); (n > 0) == (line.Include != "" || line.Dir != "") || line.Include != "" && line.Dir != "" {
				t.Fatalf("%q: a line that is not one thing: %+v", text, line)
			}
			if line.Name == "" {
				continue
			}
			value := strings.NewReplacer("\b", `\b`, "\n", `\n`, "\r", `\r`, " ", `\s`, "\t", `\t`, `"`, `\"`, "'", `\'`, `\`, `\\`).Replace(line.Value)
			again := mycnf.Parse("[" + line.Group + "]\n" + line.Name + "=\"" + value + "\"\n")
			if len(again) != 1 || again[0] != line {
				t.Fatalf("%q: %+v became %+v", text, line, again)
			}
		}
	})
}
