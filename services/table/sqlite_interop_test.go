// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// built are the workers that have been built already.
var built = map[string]bool{}

// newWorkerWorld is a netWorld with the worker of that name.
func newWorkerWorld(t *testing.T, program string) *netWorld {
	t.Helper()
	w := newNetWorld(t, looptest.New(t))
	exe, err := os.Executable()
	w.must(err)
	w.Workers = filepath.Dir(exe) // which goes when the tests are over
	if !built[program] {
		c := exec.Command("go", "build", "-trimpath", "-o", w.Workers+"/"+program, "postloop/cmd/"+program)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, text)
		}
		built[program] = true
	}
	t.Cleanup(func() { w.until(func() bool { return w.Loop.Children() == 0 && w.Loop.Stats().Conns == 0 }) })
	return w
}

// sqlText is a string in SQL.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// sqlRows inserts a row for each key that is to be found, and some that have
// more than one value, or values of other sorts. The table is t (k, v, w).
func sqlRows(keys []string, text func(string) string) string {
	var b strings.Builder
	for i, key := range keys {
		if !strings.HasPrefix(key, "no") {
			fmt.Fprintf(&b, "INSERT INTO t VALUES (%s, %s, %d);\n", text(strings.ToLower(key)), text(fmt.Sprintf("value %d", i)), i)
		}
	}
	for i, v := range []string{"'one@a.example'", "'plain'", "NULL", "''", "17", "'two@b.example'"} {
		fmt.Fprintf(&b, "INSERT INTO t VALUES ('many@example.com', %s, %d);\n", v, i)
	}
	return b.String()
}

// sqlSettings are files of settings for tables of that sort, each with what
// stands in it beside where the database is.
var sqlSettings = []string{
	"query = SELECT v FROM t WHERE k = '%s' ORDER BY w",
	"query = SELECT v FROM t WHERE k = '%s' ORDER BY w\nresult_format = <%u>\n",
	"query = SELECT v FROM t WHERE k = '%s' ORDER BY w\nresult_format = [%d] %S\n",
	"query = SELECT v FROM t WHERE k = '%u@%d' ORDER BY w\ndomain = example.com, 例え.jp\n",
	"query = SELECT v FROM t WHERE k LIKE '%u@_xample.%1' ORDER BY w\n",
	"table = t\nselect_field = v\nwhere_field = k\nadditional_conditions = AND w > 20 ORDER BY w\n",
	"query = SELECT '%%' || '%s'\n",
}

func TestSqlitePostmap(t *testing.T) {
	w := newWorkerWorld(t, "table-sqlite")
	p := newNetPostmap(w)
	base := w.dir + "/base"
	keys := append(oddKeys(), "many@example.com", "o'brien@example.com", "''", "' OR '1'='1", "\\", "a\\'b", "\"")
	in := "CREATE TABLE t (k, v, w);\nBEGIN;\n" + sqlRows(keys, sqlText) + "INSERT INTO t VALUES ('float', 1.5, 0), ('float', 1e20, 1), ('blob', x'410042', 0);\nCOMMIT;\n"
	c := exec.Command("sqlite3", base)
	c.Stdin = strings.NewReader(in)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, text)
	}
	keys = append(keys, "float", "blob")
	for _, settings := range sqlSettings {
		ref := "sqlite:" + w.file("dbpath = "+base+"\n"+settings)
		if found := p.compare(ref, keys); found == 0 || settings == sqlSettings[0] && found < 150 {
			t.Errorf("%s: %d found", settings, found)
		}
	}
	// What is wrong with a query, in the same words.
	for _, query := range []string{"SELECT v FROM nosuch", "SELEC", "SELECT abs(-9223372036854775808)", "-- nothing"} {
		ref := "sqlite:" + w.file("dbpath = "+base+"\nquery = "+query+"\n")
		cmd := exec.Command("postmap", "-c", p.conf, "-q", "k", ref)
		text, _ := cmd.CombinedOutput()
		w.log = nil
		got := w.askAsPostmap(w.open(ref), "k")
		if got.Value != "" || got.Status != Retry && got.Status != Config {
			t.Errorf("%s: %+v", query, got)
		}
		ours := strings.TrimPrefix(strings.Join(w.log, "\n"), "warning: ")
		if first, _, _ := strings.Cut(ours, ": nothing to do"); first == "" || !strings.Contains(string(text), first) {
			t.Errorf("%s: we say %q, postmap %q", query, ours, text)
		}
	}
}

// TestSqliteReplaced: a database that is replaced, locked or written is read as
// it is then.
func TestSqliteReplaced(t *testing.T) {
	w := newWorkerWorld(t, "table-sqlite")
	fill := func(path, value string) {
		t.Helper()
		if text, err := exec.Command("sqlite3", path, "CREATE TABLE IF NOT EXISTS t (k, v); DELETE FROM t; INSERT INTO t VALUES ('k', '"+value+"')").CombinedOutput(); err != nil {
			t.Fatalf("sqlite3: %v\n%s", err, text)
		}
	}
	base := w.dir + "/base"
	fill(base, "one")
	tab := w.open("sqlite:" + w.file("dbpath = "+base+"\nquery = SELECT v FROM t WHERE k = '%s'\n"))
	w.expect(w.ask(tab, "k"), Answer{Value: "one"})
	fill(base, "two")
	w.expect(w.ask(tab, "k"), Answer{Value: "two"})
	fill(base+".new", "three")
	w.must(os.Rename(base+".new", base))
	w.expect(w.ask(tab, "k"), Answer{Value: "three"})
	w.must(os.Remove(base))
	w.log = nil
	w.expect(w.ask(tab, "k"), tryAgain)
	if !strings.Contains(w.logged(), "no such file or directory") {
		t.Error("nothing said about the file")
	}
	w.must(os.WriteFile(base, []byte("this is no database at all, but it is long enough to look like one to somebody"), 0o600))
	w.expect(w.ask(tab, "k"), tryAgain)
	fill(base+".new", "four")
	w.must(os.Rename(base+".new", base))
	w.expect(w.ask(tab, "k"), Answer{Value: "four"})
}
