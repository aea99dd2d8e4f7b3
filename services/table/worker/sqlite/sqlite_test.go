// SPDX-License-Identifier: ISC

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"postloop/services/table/worker"
)

// stage is a database that a test writes, and how a table is opened on it.
type stage struct {
	t    *testing.T
	path string
	db   *sqlite3.Conn
}

func newStage(t *testing.T, sql ...string) *stage {
	t.Helper()
	s := &stage{t: t, path: filepath.Join(t.TempDir(), "base")}
	s.db = s.create(s.path)
	s.exec("CREATE TABLE t (k, v)")
	s.exec(sql...)
	return s
}

// create opens a database for writing.
func (s *stage) create(path string) *sqlite3.Conn {
	s.t.Helper()
	db, err := sqlite3.Open(path)
	s.must(err)
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *stage) exec(sql ...string) {
	s.t.Helper()
	for _, text := range sql {
		s.must(s.db.Exec(text))
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open opens a table.
func (s *stage) open(query string) worker.Table {
	s.t.Helper()
	table, err := Open(worker.NewSettings("name", "t.cf", "dbpath", s.path, "query", query))
	s.must(err)
	s.t.Cleanup(table.Close)
	return table
}

const plainQuery = "SELECT v FROM t WHERE k = '%s' ORDER BY rowid"

// ask spells an answer; there is a minute for it.
func (s *stage) ask(table worker.Table, key string) string { return s.askFor(time.Minute, table, key) }

func (s *stage) askFor(limit time.Duration, table worker.Table, key string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	values, err := table.Lookup(ctx, key)
	if _, ok := errors.AsType[worker.ConfigError](err); ok {
		return "config: " + err.Error()
	}
	if _, ok := errors.AsType[worker.Refused](err); ok {
		return "refused: " + err.Error()
	}
	if err != nil {
		return "retry: " + err.Error()
	}
	return fmt.Sprintf("%q", values)
}

// says checks an answer.
func (s *stage) says(table worker.Table, key, want string) {
	s.t.Helper()
	if got := s.ask(table, key); got != want {
		s.t.Errorf("%q: got %s, want %s", key, got, want)
	}
}

func TestQuote(t *testing.T) {
	keys := []string{"plain", "o'brien", "''", "'", `\`, `\'`, `"`, "' OR '1'='1", "'; DROP TABLE t; --", "--", "/*", "?1", "%s", "é", "\xff\xfe", "a\nb", ":k", "$k"}
	s := newStage(t)
	stmt, _, err := s.db.Prepare("INSERT INTO t VALUES (?, ?)")
	s.must(err)
	for i, key := range keys {
		s.must(stmt.BindText(1, key))
		s.must(stmt.BindInt(2, i))
		s.must(stmt.Exec())
	}
	s.must(stmt.Close())
	table := s.open(plainQuery)
	for i, key := range keys {
		s.says(table, key, fmt.Sprintf(`["%d"]`, i))
	}
	s.says(table, "none' --", `[]`)
	parts := s.open("SELECT '%u' || '|' || '%d' || '|%%'")
	s.says(parts, "o'b@it's.example", `["o'b|it's.example|%"]`)
	s.says(parts, "nodomain", `[]`)
}

func TestValues(t *testing.T) {
	s := newStage(t, "INSERT INTO t VALUES ('null', NULL), ('many', 'a'), ('many', NULL), ('many', ''), ('many', 7), ('many', 'b')",
		"INSERT INTO t VALUES ('float', 1.5), ('large', 1e20), ('negative', -9223372036854775808), ('bool', 1 = 1)",
		"INSERT INTO t VALUES ('blob', x'410042'), ('zero', x'00'), ('none', x''), ('text', 'a' || char(0) || 'b'), ('date', '2024-01-02 03:04:05')")
	table := s.open(plainQuery)
	for _, row := range [][2]string{
		{"null", `[]`},
		{"nothing", `[]`},
		{"many", `["a" "" "7" "b"]`},
		{"float", `["1.5"]`},
		{"large", `["1.0e+20"]`},
		{"negative", `["-9223372036854775808"]`},
		{"bool", `["1"]`},
		{"blob", `["A"]`},
		{"zero", `[""]`},
		{"none", `[""]`},
		{"text", `["a"]`},
		{"date", `["2024-01-02 03:04:05"]`},
	} {
		s.says(table, row[0], row[1])
	}
	s.says(s.open("SELECT v, k, 'more' FROM t WHERE k = '%s'"), "blob", `["A"]`)
	s.says(s.open("SELECT 1; SELECT 2"), "k", `["1"]`)
}

// TestErrors: what somebody has to mend is told from what may pass.
func TestErrors(t *testing.T) {
	s := newStage(t)
	const step = "retry: dict_sqlite_lookup: t.cf: SQL step failed for query "
	const prepare = "config: dict_sqlite_lookup: t.cf: SQL prepare failed: "
	for _, row := range []struct{ query, want string }{
		{"SELECT v FROM nosuch", prepare + "no such table: nosuch"},
		{"SELECT nosuch FROM t", prepare + "no such column: nosuch"},
		{"SELEC", prepare + `near "SELEC": syntax error`},
		{"SELECT '", prepare + `unrecognized token: "'"`},
		{"SELECT v FROM t WHERE k = %s", prepare + "no such column: key"},
		{"SELECT abs(-9223372036854775808)", "refused: " + strings.TrimPrefix(step, "retry: ") + "'SELECT abs(-9223372036854775808)': integer overflow"},
		{"INSERT INTO t VALUES ('%s', 1)", step + "'INSERT INTO t VALUES ('key', 1)': attempt to write a readonly database"},
		{"-- nothing", step + "'-- nothing': nothing to do"},
	} {
		table := s.open(row.query)
		s.says(table, "key", row.want)
		s.says(table, "key", row.want)
	}
	if _, err := Open(worker.NewSettings("query", "%q")); err == nil || err.Error() != "invalid query template: %q" {
		t.Error(err)
	}
}

// TestReplaced: it is the file that is at the path now which answers.
func TestReplaced(t *testing.T) {
	s := newStage(t, "INSERT INTO t VALUES ('k', 'one')")
	table := s.open(plainQuery)
	s.says(table, "k", `["one"]`)
	s.exec("UPDATE t SET v = 'two'")
	s.says(table, "k", `["two"]`)
	s.db = s.create(s.path + ".new")
	s.exec("CREATE TABLE t (k, v)", "INSERT INTO t VALUES ('k', 'three')")
	s.must(os.Rename(s.path+".new", s.path))
	s.says(table, "k", `["three"]`)
	s.must(os.Rename(s.path, s.path+".away"))
	s.says(table, "k", "retry: open "+s.path+": no such file or directory")
	if _, err := os.Stat(s.path); err == nil {
		t.Error("it was made")
	}
	s.must(os.WriteFile(s.path, []byte(strings.Repeat("no database ", 100)), 0o600))
	if got := s.ask(table, "k"); !strings.HasPrefix(got, "retry: ") || !strings.HasSuffix(got, "file is not a database") {
		t.Error(got)
	}
	s.must(os.Rename(s.path+".away", s.path))
	s.says(table, "k", `["three"]`)
}

// TestPath: a path is one, whatever is in it.
func TestPath(t *testing.T) {
	s := newStage(t, "INSERT INTO t VALUES ('k', 'one')")
	dir := filepath.Dir(s.path)
	t.Chdir(dir)
	s.must(s.db.Close())
	for _, name := range []string{"base2", "file:x", "a?vfs=os#b%41", "a b:c", "é\xff"} {
		s.must(os.Rename(s.path, filepath.Join(dir, name)))
		for _, path := range []string{name, filepath.Join(dir, name)} {
			s.path = path
			s.says(s.open(plainQuery), "k", `["one"]`)
		}
	}
}

// TestLocked: a database that somebody else has for himself is waited for, as long
// as there is time.
func TestLocked(t *testing.T) {
	s := newStage(t, "INSERT INTO t VALUES ('k', 'one')")
	table := s.open(plainQuery)
	s.says(table, "k", `["one"]`)
	s.exec("BEGIN EXCLUSIVE", "UPDATE t SET v = 'two'")
	for _, limit := range []time.Duration{time.Nanosecond, 100 * time.Millisecond} {
		began := time.Now()
		got := s.askFor(limit, table, "k")
		if !strings.HasPrefix(got, "retry: ") || !strings.Contains(got, "locked") && !strings.Contains(got, "interrupted") || time.Since(began) < limit {
			t.Errorf("after %v of %v: %s", time.Since(began), limit, got)
		}
	}
	asked, answer := make(chan bool), make(chan string)
	go func() {
		close(asked)
		answer <- s.ask(table, "k")
	}()
	<-asked
	s.exec("COMMIT")
	if got := <-answer; got != `["two"]` {
		t.Errorf("got %s", got)
	}
}

// TestWAL: a database with a log is read as it was before what is being written.
func TestWAL(t *testing.T) {
	s := newStage(t, "PRAGMA journal_mode = wal", "INSERT INTO t VALUES ('k', 'one')")
	table := s.open(plainQuery)
	s.says(table, "k", `["one"]`)
	s.exec("BEGIN IMMEDIATE", "UPDATE t SET v = 'two'")
	s.says(table, "k", `["one"]`)
	s.exec("COMMIT")
	s.says(table, "k", `["two"]`)
	s.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	s.says(table, "k", `["two"]`)
	s.must(s.db.Close())
	s.says(table, "k", `["two"]`)
}

// TestInterrupt: a query without end ends with the time for it, and the next one is
// as if nothing had been.
func TestInterrupt(t *testing.T) {
	s := newStage(t, "INSERT INTO t VALUES ('k', 'one')")
	table := s.open("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE '%s' = 'endless') SELECT max(i) FROM n")
	got := s.askFor(100*time.Millisecond, table, "endless")
	if !strings.HasPrefix(got, "retry: ") || !strings.HasSuffix(got, ": interrupted") {
		t.Errorf("got %s", got)
	}
	s.says(table, "k", `["1"]`)
	s.must(s.db.Close()) // nothing has it open but the table
	table.Close()
	s.says(table, "k", `["1"]`)
}
