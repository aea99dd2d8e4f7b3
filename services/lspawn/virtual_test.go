// SPDX-License-Identifier: ISC

package lspawn

import (
	"maps"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseVirtualDomains(t *testing.T) {
	got := parseVirtualDomains("# comment\nvirt.example:virt.example\n  Other.Example:acct-x  \nuser@h.example:joe\n.wild.example:wild\n" +
		"nothing\n:nameless\nexcept.example:except\nexcept.example:\nlate.example:a # why\nlate.example:b\n\n#off.example:off\nlast.example:c:d")
	want := map[string]string{"virt.example": "virt.example", "other.example": "acct-x", "late.example": "b", "last.example": "c:d"}
	if !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestMailbox(t *testing.T) {
	for _, test := range []struct{ prefix, local, want string }{
		{"virt.example", "virt.example-user", "user"},
		{"virt.example", "VIRT.example-User-ext", "User-ext"},
		{"virt.example", "virt.example-", ""},
		{"virt.example", "", ""},
		{"virt.example", "user", "user"},                       // the domain is local as well
		{"virt.example", "virt.example", "virt.example"},       // there is no dash
		{"virt.example", "virt.examples-u", "virt.examples-u"}, // another prefix
		{"acct", "acct-user", "user"},
		{"acct", "virt.example-user", "user"},
		{"", "virt.example-a@b", "a@b"},
		{"a-b", "a-b-c", "c"},
	} {
		d := domain{name: "virt.example", virtual: true, prefix: test.prefix}
		if got := d.mailbox(test.local); got != test.want {
			t.Errorf("prefix %q, %q: %q, want %q", test.prefix, test.local, got, test.want)
		}
	}
}

// The file that is there counts, and none is no trouble. What cannot be read is.
func TestVirtualDomains(t *testing.T) {
	v := virtualDomains{path: t.TempDir() + "/virtualdomains"}
	is := func(name, prefix string) {
		t.Helper()
		d, err := v.find(name)
		if err != nil || d.virtual != (prefix != "") || d.prefix != prefix || d.name != name {
			t.Errorf("%s: %+v, %v, want prefix %q", name, d, err, prefix)
		}
	}
	write := func(text string) {
		t.Helper()
		must(t, os.WriteFile(v.path+".tmp", []byte(text), 0o644))
		must(t, os.Rename(v.path+".tmp", v.path))
	}
	is("a.example", "")
	write("a.example:a\n")
	is("a.example", "a")
	is("A.Example", "a")
	is("b.example", "")
	write("b.example:b\n")
	is("a.example", "")
	is("b.example", "b")
	must(t, os.Remove(v.path))
	is("b.example", "")
	for what, make := range map[string]func() error{
		"a directory": func() error { return os.Mkdir(v.path, 0o755) },
		"a fifo":      func() error { return unix.Mkfifo(v.path, 0o644) },
		"a loop":      func() error { return os.Symlink(v.path, v.path) },
	} {
		must(t, make())
		if d, err := v.find("b.example"); err == nil || d.virtual {
			t.Errorf("%s: %+v, %v", what, d, err)
		}
		must(t, os.Remove(v.path))
	}
	write("b.example:c\n")
	is("b.example", "c")
}

func FuzzVirtualDomains(f *testing.F) {
	f.Add("virt.example:virt\n.x:y\nexcept:\n", "virt-user")
	f.Fuzz(func(t *testing.T, text, local string) {
		for name, prefix := range parseVirtualDomains(text) {
			if name == "" || prefix == "" || name != lower(name) || strings.ContainsAny(name+prefix, "#\n") || strings.ContainsAny(name, "@:") {
				t.Errorf("%q: %q", name, prefix)
			}
			d := domain{name: name, virtual: true, prefix: prefix}
			if got := d.mailbox(local); !strings.HasSuffix(local, got) {
				t.Errorf("%q is not the end of %q", got, local)
			}
			if got := d.mailbox(prefix + "-" + local); got != local {
				t.Errorf("%q, %q: %q", prefix, local, got)
			}
		}
	})
}
