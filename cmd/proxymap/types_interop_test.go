// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// kind is a table of one type, and how it compares.
type kind struct {
	ref    string
	worker string // the program that does its work, if there is one
	// direct: the real proxymap is at fault where keys are folded while a table
	// is loaded, and the measure is what postmap finds without it.
	direct bool
	fails  bool // in the same way for every key
}

// some are the keys to be asked for: postmap takes a second to say that a table
// fails.
func (k kind) some(keys []string) []string {
	if k.fails {
		return keys[:3]
	}
	return keys
}

// kinds returns a table of every type that both sides have, and the keys to ask
// for.
func kinds(t *testing.T) (list []kind, keys []string, dir string) {
	t.Helper()
	text, keys := source()
	dir = tables(t, map[string]string{
		"source": text, "text": text,
		"cidr":   "192.168.0.0/16 private\n10.0.0.1 one\n!127.0.0.0/8 not local\n2001:db8::/32 doc\n",
		"regexp": "/^user([0-9]+)@example\\.com$/ box$1\nif /example/\n/^(.)(.*)@/ $2-$1\nendif\n/^UPPER$/ up\n!/[a-z]/ no letters\n",
		"pcre":   "/^user(\\d+)@example\\.com$/ box$1\n/^(?<a>.)(.*)@(?=ex)/ $2-${1}x\n/(?i)^STRAßE/ street\n/^\\s/ space\n",
		"second": "example.com second\nuser1@example.com second\nbox1@example.net third\n",
	})
	for _, typ := range []string{"hash", "btree", "cdb", "lmdb"} {
		if hasType(t, typ) {
			text, err := os.ReadFile(dir + "/source")
			must(t, err)
			write(t, dir+"/"+typ, string(text))
			index(t, typ+":"+dir+"/"+typ)
			list = append(list, kind{ref: typ + ":" + dir + "/" + typ})
		}
	}
	for _, typ := range []string{"cidr", "regexp", "pcre"} {
		if hasType(t, typ) {
			list = append(list, kind{ref: typ + ":" + dir + "/" + typ})
		}
	}
	if hasType(t, "sqlite") {
		list = append(list, kind{ref: "sqlite:" + sqliteTable(t, dir, text), worker: "table-sqlite"})
	}
	list = append(
		list,
		kind{ref: "texthash:" + dir + "/text", direct: true},
		kind{ref: "inline:{user1@example.com=box, {UPPER = up and up}, {straße=street}, a+b=c}", direct: true},
		kind{ref: "static:always"},
		kind{ref: "static:{ two words }"},
		kind{ref: "randmap:{only}"},
		kind{ref: "environ:x"},
		kind{ref: "fail:x", fails: true},
		kind{ref: "internal:x"},
		kind{ref: "unix:passwd.byname"},
		kind{ref: "unix:group.byname"},
		kind{ref: "unionmap:{texthash:" + dir + "/text,texthash:" + dir + "/second}", direct: true},
		kind{ref: "pipemap:{texthash:" + dir + "/text,texthash:" + dir + "/second}", direct: true},
		kind{ref: "nosuchtype:x", fails: true},
		kind{ref: "texthash:" + dir + "/missing", fails: true},
		kind{ref: "cidr:" + dir + "/missing", fails: true},
	)
	keys = append(keys, "192.168.1.1", "192.168.0.0", "10.0.0.1", "10.0.0.2", "127.0.0.2", "2001:DB8::5", "::1", "192.168.1.256", "LANG", "PATH", "many", "none", "root", "daemon", "Root", "nobody", "postfix", "mail", "1000", "0")
	return list, keys, dir
}

// entries are the keys of a source, folded, and their values.
func entries(source string) (list [][2]string) {
	for line := range strings.Lines(strings.ReplaceAll(source, "\n ", " ")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			list = append(list, [2]string{strings.ToLower(key), strings.TrimSpace(value)})
		}
	}
	return list
}

// sqliteTable makes a database of a source, and returns the settings of a table.
func sqliteTable(t testing.TB, dir, source string) (cf string) {
	t.Helper()
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	var sql strings.Builder
	sql.WriteString("CREATE TABLE t (k, v); BEGIN;\n")
	for _, e := range entries(strings.ReplaceAll(source, "\t", " ")) {
		fmt.Fprintf(&sql, "INSERT INTO t VALUES (%s, %s);\n", quote(e[0]), quote(e[1]))
	}
	sql.WriteString("INSERT INTO t VALUES ('many', 'one'), ('many', NULL), ('many', 2), ('many', ''), ('none', NULL); COMMIT;\n")
	c := exec.Command("sqlite3", dir+"/base")
	c.Stdin = strings.NewReader(sql.String())
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, text)
	}
	write(t, dir+"/sqlite.cf", "dbpath = "+dir+"/base\nquery = SELECT v FROM t WHERE k = '%s' ORDER BY rowid\n")
	return dir + "/sqlite.cf"
}

// workersOf are the workers of some tables.
func workersOf(list []kind) (names []string) {
	for _, k := range list {
		if k.worker != "" {
			names = append(names, k.worker)
		}
	}
	return names
}

// listedIn is a main.cf that lets clients ask for tables.
func listedIn(list []kind) map[string]string {
	var refs []string
	for _, k := range list {
		refs = append(refs, "proxy:"+strings.ReplaceAll(k.ref, "$", "$$"))
	}
	return map[string]string{"proxy_read_maps": strings.Join(refs, ", ")}
}

// TestAnswers: answer by answer, the same bytes as the real one gives, for each
// type, and with each set of flags that Postfix's programs send.
func TestAnswers(t *testing.T) {
	list, keys, _ := kinds(t)
	list = slices.DeleteFunc(list, func(k kind) bool { return k.direct })
	real := realBoth.instance(t, listedIn(list))
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, listedIn(list))
			c.workers(t, p, workersOf(list)...)
			for _, k := range list {
				keys := k.some(keys)
				for _, flags := range []uint32{524352, 524353, 16448, 64} {
					want, got := answers(t, real, k.ref, flags, keys), answers(t, p, k.ref, flags, keys)
					compare(t, fmt.Sprintf("%s with %d", k.ref, flags), append([]string{"(open)"}, keys...), want, got)
				}
			}
			end(t, p)
		})
	}
}

// compare fails for answers that differ.
func compare(t *testing.T, what string, keys, want, got []string) {
	t.Helper()
	bad := 0
	for i := range want {
		if got[i] != want[i] {
			if bad++; bad <= 5 {
				t.Errorf("%s: %q: got %q, want %q", what, keys[i], got[i], want[i])
			}
		}
	}
	if bad > 5 {
		t.Errorf("%s: %d answers of %d differ", what, bad, len(want))
	}
}

// end stops an instance, and complains if a process was ended by anything but
// its time.
func end(t *testing.T, p *pftest.Instance) {
	t.Helper()
	if lines := p.Grep(`postfix/(proxymap|master)\[\d+\]: .*(panic|fatal|throttling|killed by|exit status)`); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}

// TestPostmap: the real postmap finds through our proxymap what it finds
// through its own, asking for one key and for many.
func TestPostmap(t *testing.T) {
	list, keys, _ := kinds(t)
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.ContainsAny(key, "\r\n") || key == "" })
	for i, key := range keys { // postmap takes white space off their ends
		keys[i] = strings.TrimSpace(key)
	}
	real := realBoth.instance(t, listedIn(list))
	type result struct {
		out  string
		exit int
	}
	measure := map[string]result{}
	ask := func(p *pftest.Instance, k kind, key string) result {
		ref := "proxy:" + k.ref
		if k.direct && p == real {
			ref = k.ref
		}
		in := ""
		if key == "-" {
			in = strings.Join(keys, "\n") + "\n"
		}
		out, exit := postmap(t, p, in, "-q", key, ref)
		return result{out, exit}
	}
	// One process for each key takes its time: the tables share them.
	single := func(n int) []string {
		some := []string{"-"}
		for i := n % 7; i < len(keys); i += 7 {
			if !strings.HasPrefix(keys[i], "-") && keys[i] != "" {
				some = append(some, keys[i])
			}
		}
		return some
	}
	for n, k := range list {
		for _, key := range k.some(single(n)) {
			measure[k.ref+" "+key] = ask(real, k, key)
		}
	}
	if n := len(measure["static:always -"].out); n < 300*len("always") {
		t.Fatalf("the measure has %d bytes only", n)
	}
	for _, k := range list {
		if n := strings.Count(measure[k.ref+" -"].out, "\n"); k.worker != "" && n < 100 {
			t.Errorf("%s: the measure has %d keys only", k.ref, n)
		}
	}
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, listedIn(list))
			c.workers(t, p, workersOf(list)...)
			for n, k := range list {
				bad := 0
				for _, key := range k.some(single(n)) {
					want, got := measure[k.ref+" "+key], ask(p, k, key)
					if got != want && bad < 5 {
						bad++
						t.Errorf("postmap -q %q %s: got %d and\n%s\nwant %d and\n%s", key, k.ref, got.exit, firstDifference(got.out, want.out), want.exit, firstDifference(want.out, got.out))
					}
				}
			}
			end(t, p)
		})
	}
}

// TestSqliteWAL: a database with a write-ahead log that is somebody else's is read
// while he has it open, as by the real one.
func TestSqliteWAL(t *testing.T) {
	dir := tables(t, map[string]string{})
	c := exec.Command("sqlite3", dir+"/base")
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	defer func() {
		_ = in.Close()
		must(t, c.Wait())
	}()
	lines := bufio.NewReader(out)
	do := func(sql string) {
		t.Helper()
		_, err := fmt.Fprintf(in, "%s;\n.print done\n", sql)
		must(t, err)
		for line := ""; line != "done\n"; {
			line, err = lines.ReadString('\n')
			must(t, err)
		}
	}
	do("PRAGMA journal_mode = wal; CREATE TABLE t (k, v); INSERT INTO t VALUES ('k', 'one')")
	write(t, dir+"/wal.cf", "dbpath = "+dir+"/base\nquery = SELECT v FROM t WHERE k = '%s'\n")
	list := []kind{{ref: "sqlite:" + dir + "/wal.cf"}}
	for _, c := range append([]combination{realBoth}, combinations...) {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, listedIn(list))
			c.workers(t, p, "table-sqlite")
			for _, step := range [][2]string{{"UPDATE t SET v = 'one'", "one"}, {"BEGIN IMMEDIATE; UPDATE t SET v = 'two'", "one"}, {"COMMIT", "two"}} {
				do(step[0])
				if got, exit := postmap(t, p, "", "-q", "k", "proxy:"+list[0].ref); got != step[1]+"\n" {
					t.Errorf("after %s: exit status %d, and %q", step[0], exit, got)
				}
			}
			end(t, p)
		})
	}
}

// firstDifference is the first line of a text that another one has not.
func firstDifference(text, other string) string {
	has := map[string]bool{}
	for line := range strings.Lines(other) {
		has[line] = true
	}
	for line := range strings.Lines(text) {
		if !has[line] {
			return line
		}
	}
	return fmt.Sprintf("(%d lines)", strings.Count(text, "\n"))
}
