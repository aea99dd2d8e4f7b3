// SPDX-License-Identifier: ISC

package lspawn

import (
	"os"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// who is a qmail-local that says whom it delivers for, and to which part of the
// address.
const who = `echo "$2 $3 [$4] [$5] [$6] $7"`

// TestAssignments: examples that the original was seen to answer so, and what
// lies between them.
func TestAssignments(t *testing.T) {
	f := newFixture(t, who, nil)
	f.Assign("=Exact:exact:UID:GID:/home/exact:::\n" +
		"+list-:list:UID:GID:/home/list:-:args:\n" +
		"+list-deep-:deep:UID:GID:/home/deep:-::\n" +
		"=list-deep-x:one:UID:GID:/home/one:-:e:\n" +
		"+FOO:foo:UID:GID:/home/foo:-::\n" + // 'O' is not in any lower-case address
		"+bar:bar:UID:GID:/home/bar:-::\n" +
		"=twice:first:UID:GID:/h:::\n=twice:second:UID:GID:/h:::\n" +
		"+:any:UID:GID:/home/any:-:any-:\n")
	for recipient, want := range map[string]string{
		"exact@h":             "exact /home/exact [exact] [] [] h",
		"EXACT@h":             "exact /home/exact [EXACT] [] [] h",
		"exact-x@h":           "any /home/any [exact-x] [-] [any-exact-x] h",
		"list-ABC@Host":       "list /home/list [list-ABC] [-] [argsABC] Host",
		"LIST-X@h":            "list /home/list [LIST-X] [-] [argsX] h",
		"list-@h":             "list /home/list [list-] [-] [args] h",
		"list@h":              "any /home/any [list] [-] [any-list] h",
		"list-deep-Foo@h":     "deep /home/deep [list-deep-Foo] [-] [Foo] h",
		"list-deep-x@h":       "one /home/one [list-deep-x] [-] [e] h",
		"list-deep-x-@h":      "deep /home/deep [list-deep-x-] [-] [x-] h",
		"foobar@h":            "any /home/any [foobar] [-] [any-foobar] h",
		"barfly@h":            "bar /home/bar [barfly] [-] [fly] h",
		"bar@h":               "bar /home/bar [bar] [-] [] h",
		"twice@h":             "first /h [twice] [] [] h",
		"joe@x@h":             "any /home/any [joe@x] [-] [any-joe@x] h",
		"\xc4\xd6-\xff@h":     "any /home/any [\xc4\xd6-\xff] [-] [any-\xc4\xd6-\xff] h",
		"exact\n@h":           "any /home/any [exact\n] [-] [any-exact\n] h",
		"list-deep-Foo@x@H.y": "deep /home/deep [list-deep-Foo@x] [-] [Foo@x] H.y",
	} {
		f.reports(to(1, recipient), "K"+want+"\n")
	}
}

// TestReplaced: an assignment holds from the moment that it is written, though
// nothing is opened twice without need.
func TestReplaced(t *testing.T) {
	f := newFixture(t, who, nil)
	f.reports(to(1, "joe@h"), "Kjoe /home/joe [joe] [] [] h\n")
	db := f.s.users.db
	f.reports(to(1, "joe@h"), "Kjoe /home/joe [joe] [] [] h\n")
	if f.s.users.db != db {
		t.Error("opened again")
	}
	f.Assign("=joe:jack:UID:GID:/home/jack:::\n")
	f.reports(to(1, "joe@h"), "Kjack /home/jack [joe] [] [] h\n")
	must(t, os.Remove(f.Dir+"/users/cdb"))
	f.reports(to(1, "joe@h"), execGetpw) // which is not there
	f.Assign("=joe:joe:UID:GID:/home/joe:::\n")
	f.reports(to(1, "joe@h"), "Kjoe /home/joe [joe] [] [] h\n")
	must(t, os.WriteFile(f.Dir+"/users/cdb", lspawntest.Newu(t, ""), 0o644)) // in place
	f.reports(to(1, "joe@h"), execGetpw)
}

func TestTroubleWithCdb(t *testing.T) {
	f := newFixture(t, who, nil)
	good := lspawntest.Newu(t, "=joe:joe:1:1:/:::\n")
	for name, b := range map[string][]byte{
		"empty": nil, "no empty key": lspawntest.Cdb("!joe\x00", "joe\x001\x001\x00/\x00\x00"),
		"cut off": good[:len(good)-40], "text": []byte("=joe:joe:1:1:/:::\n.\n"),
	} {
		f.SetCdb(b)
		if r := f.ask(to(1, "joe@h")); r.Text != cdbTrouble {
			t.Errorf("%s: %q", name, r.Text)
		}
	}
	must(t, os.Remove(f.Dir+"/users/cdb"))
	must(t, os.Mkdir(f.Dir+"/users/cdb", 0o755))
	f.reports(to(1, "joe@h"), cdbTrouble)
	must(t, os.Remove(f.Dir+"/users/cdb"))
	must(t, os.Symlink("cdb", f.Dir+"/users/cdb"))
	f.reports(to(1, "joe@h"), cdbTrouble)
}

// TestBadRecords: mail waits until a record is mended, and goes to nobody else
// meanwhile.
func TestBadRecords(t *testing.T) {
	f := newFixture(t, "echo delivered", nil)
	for record, want := range map[string]string{
		"joe\x001\x001\x00/\x00":                        ownBug,
		"":                                              ownBug,
		"joe\x000\x001\x00/\x00\x00":                    asRoot,
		"joe\x00abc\x001\x00/\x00\x00":                  asRoot,
		"joe\x00\x001\x00/\x00\x00":                     asRoot,
		"joe\x00000x\x001\x00/\x00\x00":                 asRoot,
		"joe\x001501x\x001\x00/\x00\x00":                ownBug,
		"joe\x004294967295\x001\x00/\x00\x00":           ownBug,
		"joe\x0099999999999999999999\x001\x00/\x00\x00": ownBug,
		"joe\x001501\x00abc\x00/\x00\x00":               ownBug, // not group 0
		"joe\x001501\x00\x00/\x00\x00":                  ownBug,
		"joe\x001501\x001x\x00/\x00\x00":                ownBug,
		"joe\x001501\x00-1\x00/\x00\x00":                ownBug,
	} {
		f.SetCdb(lspawntest.Cdb("!joe\x00", record, "", ""))
		if r := f.ask(to(1, "joe@h")); r.Text != want {
			t.Errorf("%q: %q, want %q", record, r.Text, want)
		}
	}
}

func FuzzAccount(f *testing.F) {
	f.Add([]byte("joe\x001501\x001501\x00/home/joe\x00-\x00a-b\x00"))
	f.Add([]byte("joe\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, record []byte) {
		a, report := parseAccount(record)
		if (report == "") != (a.uid != 0) || report != "" && report[0] != 'Z' {
			t.Errorf("%q: %+v, %q", record, a, report)
		}
	})
}
