// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/internal/dbtest"
)

// mysqlSetup makes a database d for the user u.
const mysqlSetup = `CREATE DATABASE d CHARACTER SET utf8mb4;
CREATE USER u IDENTIFIED BY 'pw'; GRANT ALL ON d.* TO u; GRANT SELECT ON d.* TO root@localhost;
USE d;
CREATE TABLE t (k VARCHAR(255) COLLATE utf8mb4_bin, v VARCHAR(255), w INT);
CREATE PROCEDURE p (IN a VARCHAR(255)) SELECT v FROM t WHERE k = a ORDER BY w;
`

// mysqlWorld is a private server that has been set up.
type mysqlWorld struct {
	*netWorld
	*dbtest.MariaDB
	p *netPostmap
}

func newMysqlWorld(t *testing.T, options ...string) *mysqlWorld {
	t.Helper()
	w := newWorkerWorld(t, "table-mysql")
	t.Setenv("HOME", w.dir) // no option files of whoever runs this
	m := &mysqlWorld{w, dbtest.StartMariaDB(t, options...), newNetPostmap(w)}
	m.SQL(mysqlSetup)
	return m
}

// table is the reference of a table with these settings beside where the
// database is, unless they say that themselves.
func (m *mysqlWorld) table(settings string) string {
	for _, line := range []string{"hosts = unix:" + m.Socket, "user = u", "password = pw", "dbname = d"} {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains("\n"+settings, "\n"+name+" ") {
			settings = line + "\n" + settings
		}
	}
	path := m.file(settings + "\n")
	old := time.Now().Add(-time.Minute) // postmap waits for a file that somebody may still be writing
	m.must(os.Chtimes(path, old, old))
	return "mysql:" + path
}

// hexText is a string in SQL, whatever is in it.
func hexText(s string) string { return fmt.Sprintf("x'%x'", s) }

// same asks for one key here and there, and compares the answers and what is
// logged about them.
func (m *mysqlWorld) same(ref, key string) {
	m.t.Helper()
	out, failed, warnings := m.p.one(ref, key)
	m.log = nil
	tab := m.mustOpen(m.t, ref)
	defer tab.Close()
	got := m.askAsPostmap(tab, key)
	var ours []string
	for _, line := range m.log {
		if line = strings.TrimPrefix(line, "warning: "); !slices.Contains(ours, line) { // one host is tried twice
			ours = append(ours, line)
		}
	}
	for i := range warnings {
		warnings[i] = strings.TrimPrefix(warnings[i], "warning: ")
	}
	if failed != (got.Status == Retry || got.Status == Config) || got.Value != strings.TrimSuffix(out, "\n") || !slices.Equal(ours, warnings) {
		m.t.Errorf("%s [%s]: got %s, postmap %q, failed %v; we say\n%q\npostmap\n%q", ref, key, spell(got), out, failed, ours, warnings)
	}
}

func (e *Env) mustOpen(t testing.TB, ref string) Table {
	t.Helper()
	tab, err := e.Open(ref, ReadOnly, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestMysqlPostmap(t *testing.T) {
	m := newMysqlWorld(t)
	keys := append(oddKeys(), "many@example.com", "o'brien@example.com", "''", "' OR '1'='1", `\`, `a\'b`, `a\`, `"`, `\" OR 1 -- `, "a%b", "a_b", "\x1a", "a;b")
	m.SQL("USE d; SET sql_mode = ''; " + sqlRows(keys, hexText))
	for i, settings := range sqlSettings {
		if found := m.p.compare(m.table(settings), keys); found == 0 || i == 0 && found < 150 {
			t.Errorf("%s: %d found", settings, found)
		}
	}
	tcp := fmt.Sprintf("hosts = inet:127.0.0.1:%d\n", m.Port)
	for _, settings := range []string{
		"query = CALL p('%s')",
		"query = CALL p(\"%s\")",
		tcp + "query = SELECT v FROM t WHERE k = \"%s\" ORDER BY w",
		tcp + "query = SELECT v, w, k, v FROM t WHERE k = '%s' ORDER BY w",
	} {
		if found := m.p.compare(m.table(settings), keys); found < 150 {
			t.Errorf("%s: %d found", settings, found)
		}
	}
	// A server for which a backslash is a character like any other.
	m.SQL("SET GLOBAL sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')")
	for _, settings := range []string{sqlSettings[0], sqlSettings[3], "query = CALL p('%s')"} {
		if found := m.p.compare(m.table(settings), keys); found == 0 {
			t.Errorf("NO_BACKSLASH_ESCAPES, %s: %d found", settings, found)
		}
	}
	// There nothing can be done about a quote in double quotes.
	tab := m.open(m.table(`query = SELECT v FROM t WHERE k = "%s"`))
	m.expect(m.ask(tab, `\`), Answer{Value: fmt.Sprintf("value %d", slices.Index(keys, `\`))})
	m.log = nil
	m.expect(m.ask(tab, `" OR 1 OR "`), Answer{Status: Retry})
	if text := m.logged(); !strings.Contains(text, "a key with a double quote cannot be quoted") {
		t.Errorf("logged %s", text)
	}
}

// TestMysqlValues: what a value looks like is the server's choice.
func TestMysqlValues(t *testing.T) {
	m := newMysqlWorld(t)
	m.SQL(`USE d;
CREATE TABLE num (k VARCHAR(10), i INT(5) ZEROFILL, f FLOAT(7,2), g FLOAT, d DOUBLE, y YEAR, b BLOB, n DECIMAL(10,3), dt DATETIME, u BIGINT UNSIGNED, bits BIT(8), s SET('x','y'));
INSERT INTO num VALUES ('k', 17, 1.5, 1e20, 1e-7, '2000', 'a\0b', 1.5, '2020-01-01 00:00:00', 18446744073709551615, b'01000001', 'x,y');
INSERT INTO num VALUES ('k', 18, 2.25, 1.1, 1.0, '0000', NULL, 2, NULL, 0, b'01000010', '');
CREATE TABLE l (k VARCHAR(10) CHARACTER SET latin1, v VARCHAR(10) CHARACTER SET latin1);
INSERT INTO l VALUES ('grün', 'größe'), ('k', 'ÿ');
INSERT INTO t VALUES ('empty', '', 1), ('null', NULL, 1), ('two', 'a', 1), ('two', 'b', 2), ('utf8', '日本語 😀', 1), ('long', REPEAT('x', 255), 1);
`)
	for _, row := range []struct{ settings, key string }{
		{"query = SELECT * FROM num WHERE k = '%s'", "k"},
		{"query = SELECT SUM(i), AVG(d), COUNT(*), NULL, 1/3, i + 0e0, 1e400 * 0 FROM num WHERE k = '%s'", "k"},
		{"query = SELECT v FROM t WHERE k = '%s'", "empty"},
		{"query = SELECT v FROM t WHERE k = '%s'", "null"},
		{"query = SELECT v FROM t WHERE k = '%s'", "two"},
		{"query = SELECT v FROM t WHERE k = '%s'", "utf8"},
		{"query = SELECT REPEAT(v, 100) FROM t WHERE k = '%s'", "long"},
		{"query = SELECT v FROM l WHERE k = '%s'", "grün"},
		{"query = SELECT CONCAT(@@character_set_client, @@collation_connection, USER(), DATABASE())", "k"},
	} {
		m.same(m.table(row.settings), row.key)
	}
	// Postfix 3.7 does not know charset; its option file does.
	latin := m.dir + "/latin.cnf"
	m.must(os.WriteFile(latin, []byte("[client]\ndefault-character-set = latin1\n"), 0o600))
	// These have values that are not UTF-8, for a client that does not want that.
	file, named := m.table("query = SELECT v FROM l WHERE k = 'k'\noption_file = "+latin), m.table("query = SELECT v FROM l WHERE k = 'k'\ncharset = latin1")
	m.expect(m.ask(m.open(file), "k"), Answer{Value: "\xff"})
	m.expect(m.ask(m.open(named), "k"), Answer{Value: "\xff"})
	m.expect(m.ask(m.open(m.table("query = SELECT v FROM l WHERE k = 'k'")), "k"), Answer{Value: "ÿ"})
	for charset, want := range map[string]string{
		"gbk": "character set gbk is not supported", "nosuch": "Unknown character set: 'nosuch'", "a;b": "bad character set: a;b",
	} {
		m.log = nil
		got := m.ask(m.open(m.table("query = SELECT v FROM t WHERE k = '%s'\ncharset = "+charset)), "k")
		if text := m.logged(); got.Status != Config || !strings.Contains(text, want) {
			t.Errorf("charset %s: got %s, logged %s", charset, spell(got), text)
		}
	}
}

// TestMysqlErrors: what goes wrong, in the same words.
func TestMysqlErrors(t *testing.T) {
	m := newMysqlWorld(t)
	m.SQL(`USE d; INSERT INTO t VALUES ('k', 'v', 1), ('two', 'a', 1), ('two', 'b', 2);
DELIMITER //
CREATE PROCEDURE two (IN a VARCHAR(255)) BEGIN SELECT v FROM t WHERE k = a; SELECT v FROM t WHERE k = a; END//
CREATE PROCEDURE none (IN a VARCHAR(255)) BEGIN SET @x = 1; END//
CREATE PROCEDURE odd (IN a VARCHAR(255)) BEGIN SELECT v FROM t WHERE k = a; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'odd'; END//
CREATE PROCEDURE early (IN a VARCHAR(255)) BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'early'; SELECT v FROM t WHERE k = a; END//
`)
	for _, settings := range []string{
		"query = CALL two('%s')",
		"query = CALL two('%s')\nrequire_result_set = no",
		"query = CALL none('%s')",
		"query = CALL none('%s')\nrequire_result_set = no",
		"query = CALL odd('%s')",
		"query = CALL early('%s')",
		"query = CALL nosuch('%s')",
		"query = CALL none()",
		"query = SELEC",
		"query = SELECT nosuch FROM t",
		"query = SELECT v FROM nosuch",
		"query = SELECT password FROM mysql.user",
		"query = SELECT (SELECT v FROM t WHERE k = 'two')",
		"query = DO 1",
		"query = DO 1\nrequire_result_set = no",
		"query = SELECT 1; SELECT 2",
		"query = -- nothing",
		"query = SELECT 1\npassword = wrong",
		"query = SELECT 1\npassword =",
		"query = SELECT 1\ndbname = nosuch",
		"query = SELECT 1\nuser = nosuch",
		"query = SELECT USER()\nuser =\npassword =",
		"query = SELECT 1\nhosts = unix:/nowhere",
		"query = SELECT 1\nhosts = unix:/nowhere:77",
		"query = SELECT 1\nhosts = unix:" + m.Socket + ":5",
		"query = SELECT 1\nhosts = nosuch.invalid",
		"query = SELECT 1\nhosts = inet:nosuch.invalid:5",
		"query = SELECT 1\noption_group =\nhosts = localhost",
		"query = SELECT 1\noption_group =\nhosts = inet:LocalHost:5",
		"query = SELECT 1\noption_group =\nhosts =",
		fmt.Sprintf("query = SELECT USER()\nhosts = unix:/nowhere inet:127.0.0.1:%d", m.Port),
	} {
		m.same(m.table(settings), "k")
	}
	// Here the library tells the wrong number: that of a connection in the making.
	m.log = nil
	m.expect(m.ask(m.open(m.table("query = SELECT 1\nhosts = 127.0.0.1:1")), "k"), Answer{Status: Retry})
	if text, want := m.logged(), "connect to mysql server 127.0.0.1:1: Can't connect to server on '127.0.0.1' (111)"; strings.Count(text, want) != 2 {
		t.Errorf("logged %s, want twice %s", text, want)
	}
}

// TestMysqlOptionFile: options mean to us what they mean to MariaDB's library.
func TestMysqlOptionFile(t *testing.T) {
	m := newMysqlWorld(t)
	file := m.dir + "/my.cnf"
	about := "query = SELECT CONCAT(USER(), ' ', DATABASE(), ' ', @@character_set_client)"
	m.must(os.WriteFile(m.dir+"/more.cnf", []byte("[client]\ndefault-character-set=latin2\n"), 0o600))
	for _, row := range []struct{ file, settings string }{
		{"[client]\nuser=u\nsocket=" + m.Socket, "hosts = localhost\nuser ="},
		{fmt.Sprintf("[client]\nhost=127.0.0.1\nport=%d", m.Port), "hosts = localhost"},
		{fmt.Sprintf("[client]\nhost=127.0.0.1\nport=%d", m.Port), "hosts ="},
		{fmt.Sprintf("[client]\nport=%d", m.Port), "hosts = 127.0.0.1"},
		{"[client]\nport=1", fmt.Sprintf("hosts = 127.0.0.1:%d", m.Port)},
		{"[client]\ndefault-character-set=latin1", ""},
		{"[client]\ndefault_character_set=latin1", ""},
		{"[client]\nDefault-Character-Set=latin1", ""},
		{"[client]\ndefault-character-set=latin1\n[client-server]\ndefault-character-set=latin2\n[client-mariadb]\ndefault-character-set=latin7", ""},
		{"[mysql]\ndefault-character-set=latin1", ""},
		{"default-character-set=latin1\n[client]", ""},
		{" [client] # comment\n  default-character-set = latin1  ", ""},
		{"[ client ]\ndefault-character-set = latin1", ""},
		{"[client\ndefault-character-set = latin1", ""},
		{"[g]\ndefault-character-set=latin1", "option_group = g"},
		{"[g]\ndefault-character-set=latin1\n[client]\ndefault-character-set=latin2", "option_group = g"},
		{"[client]\ndefault-character-set=latin2", "option_group ="},
		{"[client]\nbogus\nodd = line\ndefault-character-set=latin1", ""},
		{"[client]\nloose-default-character-set=latin1", ""},
		{"[client]\ninit-command=SET NAMES latin7", ""},
		{"[client]\nuser=no\npassword=no\ndatabase=mysql", ""},
		{"!include " + m.dir + "/more.cnf", ""},
		{"!include " + m.dir + "/none.cnf", ""},
		{"[client]\nconnect-timeout=5", ""},
	} {
		m.must(os.WriteFile(file, []byte(row.file+"\n"), 0o600))
		m.same(m.table(about+"\noption_file = "+file+"\n"+row.settings), "k")
	}
	for _, value := range []string{
		`abc`, `"abc  "`, `'abc # d'`, `abc # d`, `abc ;d`, `"a"b"`, `"abc`, `'abc'd`, `abc"`, `=x`, `a\sb`, `a\qb`, `a\\b`, `a\"b`, `a\'b`, `"a\sb"`, `ab\`, `"ab\"`, `''`, `"`, ``,
	} {
		m.must(os.WriteFile(file, []byte("[client]\nuser="+value+"\n"), 0o600))
		m.same(m.table("query = SELECT USER()\nuser =\npassword =\noption_file = "+file), "k")
	}
	// What is better here: a password of the file, with the user of the file; and
	// files of a directory.
	m.must(os.WriteFile(file, []byte("[client]\nuser=u\npassword=pw\n!includedir "+m.dir+"\n"), 0o600))
	m.must(os.WriteFile(m.dir+"/more.cnf", []byte("[client]\ndefault-character-set=latin7\n"), 0o600))
	m.expect(m.ask(m.open(m.table(about+"\noption_file = "+m.dir+"/more.cnf\nuser = u")), "k"), Answer{Value: "u@localhost d latin7"})
	m.must(os.Rename(file, m.dir+"/mine"))
	m.expect(m.ask(m.open(m.table(about+"\noption_file = "+m.dir+"/mine\nuser =\npassword =")), "k"), Answer{Value: "u@localhost d latin7"})
	// What is said: that a file is not there, and that an option is not known.
	m.log = nil
	m.expect(m.ask(m.open(m.table("query = SELECT 1\noption_file = /nowhere/my.cnf")), "k"), Answer{Value: "1"})
	if text := m.logged(); !strings.Contains(text, "option file: /nowhere/my.cnf: no such file or directory") {
		t.Errorf("logged %s", text)
	}
	m.must(os.WriteFile(file, []byte("[client]\nssl-crl=/x\n"), 0o600))
	m.expect(m.ask(m.open(m.table("query = SELECT 1\noption_file = "+file)), "k"), Answer{Status: Config})
	if text := m.logged(); !strings.Contains(text, "option ssl-crl is not supported") {
		t.Errorf("logged %s", text)
	}
}
