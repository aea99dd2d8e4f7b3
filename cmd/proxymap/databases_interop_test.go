// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postloop/internal/dbtest"
)

// row is a key of a map, and its value.
type row struct{ name, key, value string }

// databaseTypes are the types of tables whose data is in a database.
var databaseTypes = []string{"mysql", "pgsql", "ldap", "sqlite"}

// databases are private servers, all with the same rows, and how tables of them
// are called.
type databases struct {
	t     testing.TB
	dir   string
	my    *dbtest.MariaDB
	where map[string]string // settings, by type, of where the data is
}

// newDatabases starts all servers.
func newDatabases(t testing.TB, dir string, rows []row) *databases {
	t.Helper()
	d := &databases{t: t, dir: dir, where: map[string]string{}}
	text := func(s string) string {
		return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "\\", "\\\\") + "'"
	}
	plain := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	insert := func(quote func(string) string) string {
		var b strings.Builder
		for _, r := range rows {
			fmt.Fprintf(&b, "INSERT INTO t VALUES (%s, %s, %s);\n", quote(r.name), quote(r.key), quote(r.value))
		}
		return b.String()
	}
	const query = "query = SELECT v FROM t WHERE name = '@NAME@' AND k = '%s'\n"

	my := dbtest.StartMariaDB(t)
	my.SQL("CREATE DATABASE mail; USE mail; CREATE TABLE t (name VARBINARY(100), k VARBINARY(700), v TEXT, KEY (name, k)) CHARACTER SET utf8mb4;\n" +
		"CREATE USER mail@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON mail.* TO mail@'%';\nSTART TRANSACTION;\n" + insert(text) + "COMMIT;\n")
	d.my = my
	d.where["mysql"] = fmt.Sprintf("hosts = 127.0.0.1:%d\nuser = mail\npassword = secret\ndbname = mail\n", my.Port) + query

	pg := dbtest.StartPostgres(t)
	pg.SQL("postgres", "CREATE ROLE mail LOGIN PASSWORD 'secret'; CREATE DATABASE mail OWNER mail;")
	pg.SQL("mail", "CREATE TABLE t (name text, k text, v text); CREATE INDEX ON t (name, k); GRANT SELECT ON t TO mail;\nBEGIN;\n"+insert(plain)+"COMMIT;")
	d.where["pgsql"] = "hosts = 127.0.0.1:" + pg.Port + "\nuser = mail\npassword = secret\ndbname = mail\nencoding = LATIN1\n" + query

	ldap := dbtest.StartSlapd(t, ldapSchema, "index k eq", ldif(rows), nil)
	d.where["ldap"] = "server_host = " + ldap.URL() + "\nversion = 3\nbind = no\nsearch_base = dc=example\n" +
		"query_filter = (&(map=@NAME@)(k=%s))\nresult_attribute = v\n"

	c := exec.Command("sqlite3", dir+"/mail.db")
	c.Stdin = strings.NewReader("CREATE TABLE t (name, k, v); CREATE INDEX i ON t (name, k); BEGIN;\n" + insert(plain) + "COMMIT;\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	d.where["sqlite"] = "dbpath = " + dir + "/mail.db\n" + query
	return d
}

const ldapSchema = `attributetype (1.3.6.1.4.1.55555.1.1 NAME 'k' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40)
attributetype (1.3.6.1.4.1.55555.1.2 NAME 'v' SUP k)
attributetype (1.3.6.1.4.1.55555.1.3 NAME 'map' SUP k)
objectclass (1.3.6.1.4.1.55555.2.1 NAME 'row' SUP top STRUCTURAL MUST (cn $ map $ k $ v))
`

// ldif has an entry for each row.
func ldif(rows []row) string {
	var b strings.Builder
	b.WriteString("dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n\n")
	for i, r := range rows {
		fmt.Fprintf(&b, "dn: cn=%d,dc=example\nobjectClass: row\ncn: %d\n", i, i)
		for _, a := range [][2]string{{"map", r.name}, {"k", r.key}, {"v", r.value}} {
			fmt.Fprintf(&b, "%s:: %s\n", a[0], base64.StdEncoding.EncodeToString([]byte(a[1])))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// table returns the table of that type of the rows with that name.
func (d *databases) table(typ, name string) string {
	d.t.Helper()
	path := d.dir + "/" + typ + "-" + name + ".cf"
	write(d.t, path, strings.ReplaceAll(d.where[typ], "@NAME@", name))
	return typ + ":" + path
}

// databaseWorkers are the programs that answer for databases.
func databaseWorkers() (names []string) {
	for _, typ := range databaseTypes {
		names = append(names, "table-"+typ)
	}
	return names
}

// TestDatabases: answer by answer the same as from the real proxymap, which has
// libraries in its process where ours has workers.
func TestDatabases(t *testing.T) {
	text, keys := source()
	dir := tables(t, nil)
	var rows []row
	seen := map[string]bool{}
	for _, e := range entries(strings.ReplaceAll(text, "\t", " ")) {
		if !seen[e[0]] {
			rows = append(rows, row{"source", e[0], e[1]})
		}
		seen[e[0]] = true
	}
	d := newDatabases(t, dir, rows)
	var list []kind
	for _, typ := range databaseTypes {
		if !hasType(t, typ) {
			t.Fatalf("Postfix has no %s tables here (.ci/need-postfix installs them)", typ)
		}
		list = append(list, kind{ref: d.table(typ, "source"), worker: "table-" + typ})
	}
	// The real libraries know no NUL, and each has its own opinion of what is not
	// UTF-8 at all; that is for the tests of each type.
	keys = slices.DeleteFunc(keys, func(key string) bool { return !utf8.ValidString(key) || strings.Contains(key, "\x00") })
	if len(keys) < 300 {
		t.Fatalf("%d keys", len(keys))
	}
	real := realBoth.instance(t, listedIn(list))
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, listedIn(list))
			c.workers(t, p, workersOf(list)...)
			for _, k := range list {
				for _, flags := range []uint32{524352, 64} {
					want, got := answers(t, real, k.ref, flags, keys), answers(t, p, k.ref, flags, keys)
					compare(t, fmt.Sprintf("%s with %d", k.ref, flags), append([]string{"(open)"}, keys...), want, got)
					if n := len(slices.DeleteFunc(want, func(a string) bool { return !strings.HasPrefix(a, "status=0 value=") })); n < 150 {
						t.Errorf("%s: the real one finds %d keys only", k.ref, n)
					}
				}
			}
			end(t, p)
		})
	}
}

// TestMailDatabases: a stock Postfix delivers its mail with its maps in
// databases, behind our proxymap.
func TestMailDatabases(t *testing.T) {
	var rows []row
	for i := range 200 {
		rows = append(rows, row{"boxes", fmt.Sprintf("user%d@example.test", i), "box/"})
	}
	rows = append(
		rows,
		row{"domains", "example.test", "here"}, row{"domains", "alias.example", "here"},
		row{"aliases", "user13@alias.example", "user13@example.test"},
		row{"recipients", "user13@example.test", "user13@alias.example"},
		row{"senders", "sender@example.test", "sender@elsewhere.example"},
		row{"transport", "example.test", "virtual:"},
		row{"bcc", "user7@example.test", "user0@example.test"},
		row{"access", "evil@example.test", "REJECT not you"},
	)
	d := newDatabases(t, tables(t, nil), rows)
	main := map[string]string{"virtual_alias_domains": "", "local_recipient_maps": "proxy:unix:passwd.byname"}
	for name, at := range map[string][2]string{
		"virtual_mailbox_maps":     {"mysql", "boxes"},
		"virtual_mailbox_domains":  {"ldap", "domains"},
		"virtual_alias_maps":       {"ldap", "aliases"},
		"recipient_canonical_maps": {"pgsql", "recipients"},
		"sender_canonical_maps":    {"mysql", "senders"},
		"transport_maps":           {"pgsql", "transport"},
		"recipient_bcc_maps":       {"sqlite", "bcc"},
	} {
		main[name] = "proxy:" + d.table(at[0], at[1])
	}
	main["smtpd_sender_restrictions"] = "check_sender_access proxy:" + d.table("ldap", "access")
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.prepare(t, maps.Clone(main))
			c.workers(t, p, databaseWorkers()...)
			p.Start()
			sendAll(t, p)
			p.Stop()
			p.AllGone()
		})
	}
}

// TestSlowQuery: while a query of one client takes its time, 64 others are
// answered from the same database, and the server sees as many connections as it
// may.
func TestSlowQuery(t *testing.T) {
	var rows []row
	for i := range 100 {
		rows = append(rows, row{"quick", fmt.Sprint("k", i), fmt.Sprint("v", i)})
	}
	d := newDatabases(t, tables(t, nil), rows)
	quick := d.table("mysql", "quick")
	slow := "mysql:" + d.dir + "/slow.cf"
	where, _, _ := strings.Cut(d.where["mysql"], "query = ")
	write(t, d.dir+"/slow.cf", where+"query = SELECT SLEEP(25)\n")
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, map[string]string{"proxy_read_maps": "proxy:" + quick + " proxy:" + slow, "proxymap_connection_limit": "3"})
			c.workers(t, p, "table-mysql")
			sleeper := connect(t, p, "proxymap")
			sleeper.send("request=lookup", "table="+slow, "flags=0", "key=k")
			p.Until("the slow query runs", func() bool { return strings.Contains(d.my.SQL("SHOW PROCESSLIST"), "SLEEP(25)") })
			var clients []*conversation
			for range 64 {
				clients = append(clients, connect(t, p, "proxymap"))
			}
			for round := range 20 {
				for i, k := range clients {
					k.send("request=lookup", "table="+quick, "flags=0", fmt.Sprint("key=k", (i+round)%100))
				}
				for i, k := range clients {
					if got, want := k.list(), fmt.Sprint("status=0 value=v", (i+round)%100); got != want {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
			}
			if !strings.Contains(d.my.SQL("SHOW PROCESSLIST"), "SLEEP(25)") {
				t.Error("the slow query is over")
			}
			if n := d.my.Connections("mail"); n > 1+3 {
				t.Errorf("%d connections of two tables, one of which has had one request", n)
			}
			id, _, _ := strings.Cut(d.my.SQL("SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(25)%' AND user = 'mail'"), "\n")
			d.my.SQL("KILL QUERY " + id)
			if got := sleeper.list(); !strings.HasPrefix(got, "status=") {
				t.Errorf("the slow one got %q", got)
			}
			end(t, p)
		})
	}
}
