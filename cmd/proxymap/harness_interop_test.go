// SPDX-License-Identifier: ISC

//go:build interop && linux

// The interop tests ask our proxymap what Postfix's own programs ask, under
// Postfix's master and under ours, and compare what they get with what
// Postfix's proxymap has to say: `make interop`.
package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// combination is a master with a proxymap.
type combination struct {
	name                   string
	ourMaster, ourProxymap bool
}

var (
	realBoth     = combination{name: "real master, real proxymap"}
	realMaster   = combination{name: "real master", ourProxymap: true}
	ourBoth      = combination{name: "our master", ourMaster: true, ourProxymap: true}
	combinations = []combination{realMaster, ourBoth}
)

// instance makes an instance with nothing but the two services, and starts it.
func (c combination) instance(t testing.TB, main map[string]string) *pftest.Instance {
	t.Helper()
	p := c.prepare(t, main)
	p.SetServices("proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
	p.StartMaster()
	return p
}

// prepare makes an instance without starting it.
func (c combination) prepare(t testing.TB, main map[string]string) *pftest.Instance {
	t.Helper()
	o := pftest.Options{Main: main}
	if c.ourMaster {
		o.Master = pftest.Ours(t, "master")
	}
	p := pftest.New(t, o)
	if c.ourProxymap {
		for _, name := range []string{"proxymap", "table-berkeley", "table-lmdb"} {
			p.Install(pftest.Ours(t, name), name)
		}
	}
	return p
}

// workers puts programs that do the work of tables where proxymap is, if that is
// ours: the real one needs none.
func (c combination) workers(t testing.TB, p *pftest.Instance, names ...string) {
	t.Helper()
	if c.ourProxymap {
		for _, name := range names {
			p.Install(pftest.Ours(t, name), name)
		}
	}
}

// connect connects to a service.
func connect(t *testing.T, p *pftest.Instance, service string) *conversation {
	t.Helper()
	conn, err := net.Dial("unix", p.Queue+"/private/"+service)
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return talk(t, conn)
}

// postmap runs the real one; its messages are not part of what it returns.
func postmap(t testing.TB, p *pftest.Instance, in string, args ...string) (out string, exit int) {
	t.Helper()
	c := exec.Command("/usr/sbin/postmap", append([]string{"-c", p.Config}, args...)...)
	c.Stdin = strings.NewReader(in)
	text, err := c.Output()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(text), ended.ExitCode()
	}
	must(t, err)
	return string(text), 0
}

// tables is a directory with tables that everybody may read.
func tables(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tb")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(t, dir+"/"+name, files[name])
	}
	return dir
}

// write writes a file as it should be written: whole, in the place of another.
// It is old enough for nobody to wait until it is.
func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path+".new", []byte(text), 0o644))
	past := time.Now().Add(-time.Minute)
	must(t, os.Chtimes(path+".new", past, past))
	must(t, os.Rename(path+".new", path))
}

// index has the real postmap make the index of a table.
func index(t testing.TB, ref string) {
	t.Helper()
	if text, err := exec.Command("/usr/sbin/postmap", ref).CombinedOutput(); err != nil {
		t.Fatalf("postmap %s: %v\n%s", ref, err, text)
	}
}

// hasType reports whether the installed Postfix knows a type of tables.
func hasType(t testing.TB, typ string) bool {
	t.Helper()
	text, err := exec.Command("/usr/sbin/postconf", "-m").Output()
	must(t, err)
	return slices.Contains(strings.Fields(string(text)), typ)
}

// source is a table to be indexed, with one entry for each key, and the keys
// to be asked: those, others, and others like them. There are more than 300.
func source() (text string, keys []string) {
	var b strings.Builder
	b.WriteString("# a comment\n")
	for i := range 100 {
		fmt.Fprintf(&b, "user%d@example.com\tbox%d@example.net\n", i, i)
		keys = append(keys, fmt.Sprintf("user%d@example.com", i), fmt.Sprintf("User%d@EXAMPLE.com", i), fmt.Sprintf("none%d@example.com", i))
	}
	long := strings.Repeat("long.", 60) + "example.com"
	for i, key := range []string{
		"example.com", ".example.com", "@example.com", long, "UPPER", "Mixed.Case@Example.ORG", "grüße@bücher.example", "straße", "ÀÉÎÕÜ", "ΣΊΣΥΦΟΣ",
		"日本語", "ǆ", "Ⅷ", "İstanbul", "kelvinK", "a+b", "a%b", "a$b", "a:b", "a;b", "\"quoted\\ part\"@example.com", "{braces}", "(x)", "back\\\\slash", "tilde~", "0", "00",
		"127.0.0.1", "2001:db8::1", "*", "?", "<>", "postmaster", "x=y", "a,b", "'single'",
	} {
		value := fmt.Sprintf("value %d of %s", i, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '-'
			}
			return r
		}, key))
		fmt.Fprintf(&b, "%s   %s\n", key, value)
		keys = append(keys, key, strings.ToUpper(key), strings.ToLower(key))
	}
	fmt.Fprintf(&b, "continued\n one,\n  two\n")
	keys = append(
		keys, "continued", "missing", "User1@example.com ", " user1@example.com", "tab\tin it", "b\xfcro@example.com", "\xff\xfe", "nul-less", "ſ", "K", "ﬃ",
		strings.Repeat("k", 490), "user1@example.com\r", "\x01\x02", "\x7f",
	)
	return b.String(), keys
}

// answers asks for all keys over one connection, in the older dialect, and
// returns the answers. Of the flags in the first one, those that no client looks
// at are left out: what was asked last shows in the real one's.
func answers(t *testing.T, p *pftest.Instance, ref string, flags uint32, keys []string) []string {
	t.Helper()
	c := connect(t, p, "proxymap")
	defer func() { must(t, c.Close()) }()
	const looked = 16 | 32 | 262144 // fixed, pattern, multi_writer
	opened := c.ask("request=open", "table="+ref, "flags=0")
	status, text, _ := strings.Cut(opened, " flags=")
	n, err := strconv.Atoi(text)
	must(t, err)
	list := []string{fmt.Sprintf("%s flags=%d", status, n&looked)}
	for _, key := range keys {
		list = append(list, c.ask("request=lookup", "table="+ref, fmt.Sprintf("flags=%d", flags), "key="+key))
	}
	return list
}
