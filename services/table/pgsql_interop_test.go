// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postloop/internal/dbtest"
	"postloop/loop/looptest"
)

// newPgsql is a world with the worker, and a server where mail has the database
// mail, with the table t of sqlRows in it.
func newPgsql(t *testing.T, settings ...string) (*netWorld, *dbtest.Postgres) {
	t.Helper()
	w := newWorkerWorld(t, "table-pgsql")
	p := dbtest.StartPostgres(t, settings...)
	p.SQL("postgres", "CREATE ROLE mail LOGIN PASSWORD 'secret';\nCREATE DATABASE mail OWNER mail;\n")
	p.SQL("mail", "SET ROLE mail; CREATE TABLE t (k text, v text, w int);\n")
	return w, p
}

// pgsqlLogin are the settings for that server. Postfix 3.7 knows no other encoding
// than this one.
func pgsqlLogin(p *dbtest.Postgres) string {
	return "hosts = 127.0.0.1:" + p.Port + "\nuser = mail\npassword = secret\ndbname = mail\nencoding = LATIN1\n"
}

func TestPgsqlPostmap(t *testing.T) {
	w, p := newPgsql(t)
	pm := newNetPostmap(w)
	w.settled(pm.conf + "/main.cf")
	keys := append(oddKeys(), "many@example.com", "o'brien@example.com", "''", "' OR '1'='1", "\\", "a\\'b", "\"", "\\' OR true --", "$1", "$$")
	p.SQL("mail", "SET client_encoding = LATIN1; SET ROLE mail;\nBEGIN;\n"+sqlRows(keys, sqlText)+"COMMIT;\n")
	same := func(settings string, least int) {
		t.Helper()
		if found := pm.compare("pgsql:"+w.settled(w.file(settings)), keys); found < least {
			t.Errorf("%s: %d found", settings, found)
		}
	}
	for i, settings := range sqlSettings {
		least := 1
		if i == 0 {
			least = 300
		}
		same(pgsqlLogin(p)+settings, least)
	}
	for _, settings := range []string{
		"select_function = upper\n",
		"select_function = nullif('many@example.com', '%s') || upper\nresult_format = [%s]\n",
		"query =\nselect_function = upper\ntable = t\nselect_field = v\nwhere_field = k\n",
		"table = t\nselect_field = v, w\nwhere_field = k\n",
		"query = SELECT v, NULL, w, '' FROM t WHERE k = '%s' ORDER BY w\nresult_format = %s of %S\n",
		"query = SELECT 'x'; SELECT v FROM t WHERE k = '%s' ORDER BY w;\n",
		"query = INSERT INTO t VALUES ('new', '%s') RETURNING v\n",
		"query = SELECT length('%s'), true, 1.5::float, '\\x00ff'::bytea, now() - now(), ARRAY[1, 2], row('a', 1)\n",
	} {
		same(pgsqlLogin(p)+settings, 1)
	}
	query := sqlSettings[0] + "\n"
	uri := "postgresql://mail:secret@127.0.0.1:" + p.Port + "/mail"
	for _, settings := range []string{
		"hosts = inet:127.0.0.1:" + p.Port + "\nuser = mail\npassword = secret\ndbname = mail\n",
		"hosts = localhost:" + p.Port + "\nuser = mail\npassword = secret\ndbname = mail\n",
		"hosts = 127.0.0.1:1 127.0.0.1:" + p.Port + ",\tinet:127.0.0.1:2\nuser = mail\npassword = secret\ndbname = mail\n",
		"hosts = " + uri + "\ndbname = x\n",
		"hosts = " + uri + "?sslmode=prefer&connect_timeout=5&application_name=a%20b&keepalives=1\ndbname = x\nuser = y\npassword = z\n",
		"hosts = " + uri + "?options=-c%20standard_conforming_strings%3Doff%20-c%20escape_string_warning%3Doff\ndbname = x\n",
		"hosts = postgresql://mail@/mail?host=" + p.Dir + "&port=" + p.Port + "\ndbname = x\n",
		"hosts = 127.0.0.1:" + p.Port + "\ndbname = user=mail password=secret dbname=mail sslmode=disable\n",
		"hosts = 127.0.0.1:" + p.Port + "\npassword = secret\ndbname = postgresql://mail:wrong@192.0.2.1/mail?application_name=x\n",
	} {
		same("encoding = LATIN1\n"+settings+query, 300)
	}
	t.Setenv("PGPORT", p.Port)
	t.Setenv("PGUSER", "mail")
	same("encoding = LATIN1\nhosts = unix:"+p.Dir+"\ndbname = mail\n"+query, 300)
}

// TestPgsqlErrors: what cannot be done is said in the words of Postfix, and the
// answer is not "no such key" where Postfix has an error.
func TestPgsqlErrors(t *testing.T) {
	w, p := newPgsql(t)
	pm := newNetPostmap(w)
	w.settled(pm.conf + "/main.cf")
	p.SQL("mail", "CREATE TABLE private (k text);\n")
	at := "127.0.0.1:" + p.Port
	login := "hosts = " + at + "\nuser = mail\npassword = secret\ndbname = mail\nencoding = LATIN1\n"
	rows := []struct {
		settings string
		want     Status
	}{
		{login + "query = SELECT nosuch\n", Config},
		{login + "query = SELECT v FROM nosuch\n", Config},
		{login + "query = SELECT nosuch('%s')\n", Config},
		{login + "query = SELEC '%s'\n", Config},
		{login + "query = SELECT k FROM private\n", Config},
		{login + "query = SELECT v FROM t WHERE k = %s\n", Config},
		{login + "query = SELECT 1; SELECT nosuch\n", Config},
		{login + "query = SELECT 1/0\n", Retry},
		{login + "query = SELECT '%s'::int\n", Retry},
		{login + "query = --\n", Retry},
		{login + "query = COPY t TO STDOUT\n", Retry},
		{login + "query = SET statement_timeout = 1; SELECT pg_sleep(60)\n", Retry},
		{login + "password = wrong\nquery = SELECT 1\n", Retry},
		{login + "user = nobody\nquery = SELECT 1\n", Retry},
		{login + "dbname = nosuch\nquery = SELECT 1\n", Retry},
		{login + "dbname = sslmode=require\nquery = SELECT 1\n", Retry},
		{login + "dbname = nosuch=1\nquery = SELECT 1\n", Retry},
		{login + "hosts = 127.0.0.1:1\nquery = SELECT 1\n", Retry},
		{login + "hosts = nosuchhost.invalid\nquery = SELECT 1\n", Retry},
		{login + "hosts = unix:" + p.Dir + "/nowhere\nquery = SELECT 1\n", Retry},
		{login + "hosts = unix:/dev/null\nquery = SELECT 1\n", Retry},
		{login + "hosts = postgresql://mail:secret@" + at + "/mail?sslmode=require\nquery = SELECT 1\n", Retry},
	}
	type result struct {
		ref      string
		failed   bool
		warnings []string
	}
	results := make([]result, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		r := &results[i]
		r.ref = "pgsql:" + w.settled(w.file(row.settings))
		wg.Go(func() { _, r.failed, r.warnings = pm.one(r.ref, "key") }) // which takes its time
	}
	wg.Wait()
	for i, row := range rows {
		ref, failed, warnings := results[i].ref, results[i].failed, results[i].warnings
		w.log = nil
		got := w.askAsPostmap(w.open(ref), "key")
		if !failed || got != (Answer{Status: row.want}) {
			t.Errorf("%s: got %+v, postmap fails: %v", row.settings, got, failed)
		}
		// Postmap's are longer: lines with the query's text and advice.
		real := strings.ReplaceAll(strings.Join(warnings, "\n"), "postgresql://mail:secret@", "postgresql://mail:***@")
		for _, line := range w.log {
			if !strings.Contains(real, line) {
				t.Errorf("%s: logged\n%s\npostmap logs\n%s", row.settings, line, real)
			}
		}
		if len(w.log) == 0 {
			t.Errorf("%s: nothing logged", row.settings)
		}
	}
	// Ours alone: what would not fit into an answer.
	for query, want := range map[string]string{
		"SELECT repeat('x', 20000000)":                               "fatal error from host " + at,
		"SELECT repeat('x', 1000000) FROM generate_series(1, 20000)": "more than 15728640 bytes from host " + at,
	} {
		w.log = nil
		tab := w.open("pgsql:" + w.file(login+"query = "+query+"\n"))
		w.expect(w.ask(tab, "key"), tryAgain)
		if text := w.logged(); !strings.Contains(text, want) {
			t.Errorf("%s: logged %s", query, text)
		}
	}
	// What is not an error.
	for _, query := range []string{"BEGIN", "SELECT", "SELECT 1; DO $$BEGIN END$$", "INSERT INTO t VALUES ('a', 'b')", "SELECT NULL"} {
		ref := "pgsql:" + w.settled(w.file(login+"query = "+query+"\n"))
		out, failed, warnings := pm.one(ref, "key")
		w.log = nil
		got := w.askAsPostmap(w.open(ref), "key")
		if failed || out != "" || got != (Answer{Status: NoKey}) || strings.Join(w.log, "\n") != strings.Join(warnings, "\n") {
			t.Errorf("%s: got %+v, logged %q; postmap has %q, logs %q", query, got, w.log, out, warnings)
		}
	}
}

// pgsqlEcho are settings for which the value of each key is itself. One whose local
// part is slow takes a minute.
func pgsqlEcho(p *dbtest.Postgres) string {
	return pgsqlLogin(p) + "query = SELECT '%s' || pg_sleep(CASE WHEN '%u' = 'slow' THEN 60 ELSE 0 END)\nretry_interval = 1\n"
}

// echoes checks an answer to one of pgsqlEcho's keys that is not slow.
func (w *netWorld) echoes(key string, a Answer) {
	w.t.Helper()
	w.expect(a, Answer{Value: key})
}

// recovers asks until there is an answer. Until then there must be none. Time
// passes meanwhile, for a server that did not answer is left alone.
func (w *netWorld) recovers(tab Table, key string) {
	w.t.Helper()
	for {
		a := w.askAsPostmap(tab, key)
		if a != tryAgain {
			w.echoes(key, a)
			return
		}
		looptest.Advance(w.Loop, 100*time.Millisecond)
	}
}

// limited has at most three connections, of which the server is told as well.
func (w *netWorld) limited(p *dbtest.Postgres, deadline time.Duration) {
	w.t.Helper()
	w.Limits = func(string) Limits { return Limits{Connections: 3, Queue: 100, Deadline: deadline} }
	p.SQL("mail", "ALTER ROLE mail CONNECTION LIMIT 3;\n")
	w.t.Cleanup(func() {
		if text := p.Log(); strings.Contains(text, "too many connections") {
			w.t.Errorf("more than three connections:\n%s", text)
		}
	})
}

// TestPgsqlSlow: while a query takes its time, others are answered beside it, over
// no more connections than there may be. When its time is over, it ends on the
// server.
func TestPgsqlSlow(t *testing.T) {
	w, p := newPgsql(t)
	w.limited(p, 8*time.Second)
	tab := w.open("pgsql:" + w.file(pgsqlEcho(p)))
	stop := p.Watch("mail")
	slow := w.get(tab, "slow@example.com")
	list := map[string]*reply{}
	for i := range 90 {
		key := fmt.Sprintf("key%d@example.com", i)
		list[key] = w.get(tab, key)
	}
	for key, r := range list {
		w.until(func() bool { return r.here })
		w.echoes(key, r.Answer)
	}
	if slow.here {
		t.Fatal("too slow a machine, or too fast a query")
	}
	w.until(func() bool { return slow.here })
	w.expect(slow.Answer, tryAgain)
	if n := p.SQL("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mail' AND state = 'active';"); n != "0" {
		t.Errorf("%s queries go on", n)
	}
	if text := w.logged(); !strings.Contains(text, "ERROR:  canceling statement due to user request") {
		t.Errorf("logged %s", text)
	}
	w.echoes("a@b", w.ask(tab, "a@b"))
	if most, times := stop(); most < 2 || most > 3 || times < 10 {
		t.Errorf("%d connections, seen %d times", most, times)
	}
}

// TestPgsqlIdle: a connection that is not used is closed, and one that the server
// closes is made anew.
func TestPgsqlIdle(t *testing.T) {
	w, p := newPgsql(t)
	w.limited(p, 30*time.Second)
	tab := w.open("pgsql:" + w.file(pgsqlEcho(p)+"idle_interval = 1\n"))
	for range 2 {
		w.echoes("a@b", w.ask(tab, "a@b"))
		for p.Connections("mail") > 0 { // a second, or it takes too long for the test
		}
	}
	if n := w.Loop.Children(); n != 1 {
		t.Errorf("%d workers", n)
	}
	lasting := w.open("pgsql:" + w.file(pgsqlEcho(p)))
	for i := range 3 {
		w.log = nil
		w.echoes("a@b", w.ask(lasting, "a@b"))
		if text := w.logged(); i > 0 && !strings.Contains(text, "terminating connection due to administrator command") {
			t.Errorf("logged %s", text)
		}
		p.SQL("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mail';")
	}
}

// TestPgsqlStopped: a server that is stopped, killed and started again while it is
// asked costs no wrong answer, and nobody has to help.
func TestPgsqlStopped(t *testing.T) {
	w, p := newPgsql(t)
	w.limited(p, 2*time.Second)
	tab := w.open("pgsql:" + w.file(pgsqlEcho(p)))
	traffic := func() (list []*reply) {
		for i := range 6 {
			list = append(list, w.get(tab, fmt.Sprintf("slow@%d.example", i)))
		}
		w.until(func() bool { return w.Loop.Children() == 3 })
		return list
	}
	fail := func(list []*reply) {
		t.Helper()
		for _, r := range list {
			w.outlast(tab, r)
			w.expect(r.Answer, tryAgain)
		}
		if w.logged() == "" {
			t.Error("nothing logged")
		}
	}
	w.recovers(tab, "a@b")

	list := traffic()
	p.Signal(syscall.SIGSTOP)
	fail(list)
	fail([]*reply{w.get(tab, "a@b")})
	p.Signal(syscall.SIGCONT)
	w.recovers(tab, "a@b")

	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		list = traffic()
		p.Stop(s)
		fail(list)
		p.Start()
		w.recovers(tab, "a@b")
		w.log = nil
	}
	for i := range 100 {
		key := fmt.Sprintf("key%d@example.com", i)
		w.echoes(key, w.ask(tab, key))
	}
	if text := w.logged(); text != "" {
		t.Error(text)
	}
}

// TestPgsqlPassword: a password that is wrong is said to be, and may become right.
func TestPgsqlPassword(t *testing.T) {
	w, p := newPgsql(t)
	tab := w.open("pgsql:" + w.file(pgsqlEcho(p)))
	patient := w.open("pgsql:" + w.file(strings.ReplaceAll(pgsqlEcho(p), "retry_interval = 1", "")))
	p.SQL("mail", "ALTER ROLE mail PASSWORD 'another';\n")
	w.expect(w.ask(tab, "a@b"), tryAgain)
	w.log = nil
	w.expect(w.ask(patient, "a@b"), tryAgain)
	at := "warning: connect to pgsql server 127.0.0.1:" + p.Port + ": connection to server at \"127.0.0.1\", port " + p.Port + " failed: "
	if text := w.logged(); text != at+"FATAL:  password authentication failed for user \"mail\"\n"+at+"FATAL:  password authentication failed for user \"mail\"" {
		t.Errorf("logged %s", text)
	}
	p.SQL("mail", "ALTER ROLE mail PASSWORD 'secret';\n")
	w.expect(w.ask(patient, "a@b"), tryAgain)
	if text := w.logged(); !strings.HasPrefix(text, "warning: no server can be asked; the next attempt is in ") {
		t.Errorf("logged %s", text)
	}
	w.recovers(tab, "a@b")
}

// TestPgsqlEncodings: a key is what it is in whatever encoding the table and the
// database have, and never more than a key.
func TestPgsqlEncodings(t *testing.T) {
	w, p := newPgsql(t)
	pm := newNetPostmap(w)
	w.settled(pm.conf + "/main.cf")
	p.SQL("mail", "SET ROLE mail; INSERT INTO t VALUES ('größe@müller.example', 'Wörter', 1), ('日本語@例え.jp', '言葉', 2), ('\\', 'backslash', 3);\n")
	p.SQL("postgres", "CREATE DATABASE latin OWNER mail TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';\n")
	p.SQL("latin", "SET client_encoding = UTF8; SET ROLE mail; CREATE TABLE t (k text, v text, w int);\nINSERT INTO t VALUES ('größe@müller.example', 'Wörter', 1), (E'\\\\', 'backslash', 3);\n")
	login := "hosts = 127.0.0.1:" + p.Port + "\nuser = mail\npassword = secret\nquery = SELECT v FROM t WHERE k = '%s'\n"
	for _, row := range []struct{ settings, key, want, log string }{
		{"dbname = mail", "größe@müller.example", "=Wörter", ""},
		{"dbname = mail", "日本語@例え.jp", "=言葉", ""},
		{"dbname = mail", "gr\xf6\xdfe@m\xfcller.example", "no key", ""},
		{"dbname = mail", "a\xc3", "no key", ""},
		{"dbname = mail\nencoding = LATIN1", "gr\xf6\xdfe@m\xfcller.example", "=W\xf6rter", ""},
		{"dbname = mail\nencoding = SJIS", "\\", "=backslash", ""},
		{"dbname = mail\nencoding = SJIS", "\x93\xfa\x96\x7b", "retry", "cannot escape input string: this cannot be done in the encoding SJIS"},
		{"dbname = mail\nencoding = BIG5", "\xa4' OR true --", "retry", "cannot escape input string: this cannot be done in the encoding BIG5"},
		{"dbname = mail\nencoding = EUC_JP", "\xc6\xfc\xcb\xdc\xb8\xec@\xce\xe3\xa4\xa8.jp", "=\xb8\xc0\xcd\xd5", ""},
		{"dbname = mail\nencoding = EUC_JP", "\x8f' OR true --", "retry", "invalid byte sequence for encoding \"EUC_JP\""},
		{"dbname = mail\nencoding = nosuch'", "a", "retry", "dict_pgsql: cannot set the encoding to nosuch', skipping 127.0.0.1:" + p.Port},
		{"dbname = latin", "größe@müller.example", "=Wörter", ""},
		{"dbname = latin", "\\", "=backslash", ""},
		{"dbname = latin", "日本語@例え.jp", "retry", "has no equivalent in encoding \"LATIN1\""},
		{"dbname = latin", "größe@müller.example", "=Wörter", ""},
		{"dbname = latin\nencoding = LATIN1", "gr\xf6\xdfe@m\xfcller.example", "=W\xf6rter", ""},
	} {
		w.log = nil
		var r reply
		tab := w.open("pgsql:" + w.file(login+row.settings+"\n"))
		if a := tab.Get(row.key, 0, func(a Answer) { r.Answer, r.here = a, true }); a.Status != Later {
			t.Errorf("%q: %s at once", row.key, spell(a))
			continue
		}
		w.until(func() bool { return r.here })
		if got, text := spell(r.Answer), w.logged(); got != row.want || !strings.Contains(text, row.log) || row.log == "" && text != "" {
			t.Errorf("%s: %q: got %q, logged %s", row.settings, row.key, got, text)
		}
		tab.Close()
	}
	// A server where a backslash in quotes escapes what follows, and an old client
	// of its own: both databases, as postmap sees them.
	keys := append(oddKeys(), "o'brien@example.com", "\\", "\\' OR true --", "'' OR ''='", "a\\'b")
	for _, name := range []string{"latin", "mail"} {
		p.SQL(name, "SET client_encoding = LATIN1; SET ROLE mail;\nDELETE FROM t; BEGIN;\n"+sqlRows(keys, sqlText)+"COMMIT;\n")
	}
	p.Restart("standard_conforming_strings=off", "escape_string_warning=off")
	for _, name := range []string{"latin", "mail"} {
		if found := pm.compare("pgsql:"+w.settled(w.file(login+"encoding = LATIN1\ndbname = "+name+"\n")), keys); found < 300 {
			t.Errorf("%s: %d found", name, found)
		}
	}
}

// pgsqlIssue has a certificate signed, and returns it and its key as files have
// them.
func pgsqlIssue(w *netWorld, a *dbtest.Authority, common string, names ...string) (cert, key []byte) {
	w.t.Helper()
	file := a.Issue(common, &x509.Certificate{Subject: pkix.Name{CommonName: common}, DNSNames: names})
	cert, err := os.ReadFile(file + ".pem")
	w.must(err)
	key, err = os.ReadFile(file + ".key")
	w.must(err)
	return cert, key
}

// pgsqlSame asks postmap and us, at each of these settings, and compares the
// answers, or that there is none. It returns how many there were.
func pgsqlSame(w *netWorld, pm *netPostmap, list []string) (found int) {
	w.t.Helper()
	type result struct {
		ref, out string
		warnings []string
	}
	results := make([]result, len(list))
	var wg sync.WaitGroup
	for i, settings := range list {
		r := &results[i]
		r.ref = "pgsql:" + w.settled(w.file(settings))
		wg.Go(func() { r.out, _, r.warnings = pm.one(r.ref, "key") })
	}
	wg.Wait()
	for i, settings := range list {
		r := results[i]
		want := Answer{Value: strings.TrimSuffix(r.out, "\n")}
		if r.out == "" {
			want = tryAgain
		} else {
			found++
		}
		w.log = nil
		if got := w.askAsPostmap(w.open(r.ref), "key"); got != want {
			w.t.Errorf("%s: got %+v, logged %s, postmap has %+v, logs %s", settings, got, w.logged(), want, strings.Join(r.warnings, "\n"))
		}
	}
	return found
}

// TestPgsqlTLS: sslmode means what libpq takes it for, in a URI, in dbname, in the
// environment, and where nobody says anything. So do the files in the user's home.
func TestPgsqlTLS(t *testing.T) {
	w, p := newPgsql(t)
	pm := newNetPostmap(w)
	w.settled(pm.conf + "/main.cf")
	home := w.dir + "/home"
	w.must(os.MkdirAll(home+"/.postgresql", 0o700))
	t.Setenv("HOME", home)
	ours, theirs := dbtest.NewAuthority(t, w.dir, "ours"), dbtest.NewAuthority(t, w.dir, "theirs")
	root, err := os.ReadFile(ours.File + ".pem")
	w.must(err)
	wrong, err := os.ReadFile(theirs.File + ".pem")
	w.must(err)
	w.must(os.WriteFile(w.dir+"/root", root, 0o600))
	w.must(os.WriteFile(w.dir+"/wrong", wrong, 0o600))
	p.SQL("mail", "CREATE ROLE tls LOGIN PASSWORD 'secret'; CREATE ROLE plain LOGIN PASSWORD 'secret'; CREATE ROLE certain LOGIN;\n")
	p.File("data/pg_hba.conf", []byte("local all all trust\nhostssl all certain 127.0.0.1/32 cert\nhostssl all tls 127.0.0.1/32 scram-sha-256\nhostnossl all plain 127.0.0.1/32 scram-sha-256\nhost all mail 127.0.0.1/32 scram-sha-256\n"))
	query := "\nquery = SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()\nencoding = LATIN1\n"
	uri := func(role, host, more string) string {
		return "dbname = x\nhosts = postgresql://" + role + ":secret@" + host + ":" + p.Port + "/mail?" + more + query
	}
	for _, names := range [][]string{{"localhost"}, {"other.example"}, nil} {
		cert, key := pgsqlIssue(w, ours, "localhost", names...)
		p.File("cert", cert)
		p.File("key", key)
		p.File("clients", root)
		p.Restart("ssl=on", "ssl_cert_file="+p.Dir+"/cert", "ssl_key_file="+p.Dir+"/key", "ssl_ca_file="+p.Dir+"/clients")
		var list []string
		for _, mode := range []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full", "bogus"} {
			for _, with := range []string{"", "&sslrootcert=" + w.dir + "/root", "&sslrootcert=" + w.dir + "/wrong", "&sslrootcert=/nowhere"} {
				list = append(list, uri("mail", "localhost", "sslmode="+mode+with))
			}
			list = append(list, uri("mail", "127.0.0.1", "sslmode="+mode+"&sslrootcert="+w.dir+"/root"), uri("tls", "127.0.0.1", "sslmode="+mode), uri("plain", "127.0.0.1", "sslmode="+mode))
		}
		if n := pgsqlSame(w, pm, list); n < 20 {
			t.Errorf("%v: %d answers", names, n)
		}
	}
	at := "hosts = localhost:" + p.Port + "\npassword = secret\n"
	plain := []string{at + "user = mail\ndbname = mail" + query, at + "user = tls\ndbname = mail" + query, at + "user = plain\ndbname = mail" + query, at + "user = mail\ndbname = dbname=mail sslmode=disable" + query}
	if n := pgsqlSame(w, pm, plain); n != 4 {
		t.Errorf("%d answers", n)
	}
	for _, mode := range []string{"require", "verify-full", "disable"} {
		t.Setenv("PGSSLMODE", mode)
		pgsqlSame(w, pm, plain)
	}
	w.must(os.Unsetenv("PGSSLMODE"))
	cert, key := pgsqlIssue(w, ours, "certain")
	w.must(os.WriteFile(home+"/.postgresql/postgresql.crt", cert, 0o600))
	w.must(os.WriteFile(home+"/.postgresql/postgresql.key", key, 0o600))
	w.must(os.WriteFile(home+"/.postgresql/root.crt", root, 0o600))
	if n := pgsqlSame(w, pm, append(plain, at+"user = certain\ndbname = mail"+query, uri("mail", "localhost", "sslmode=verify-full"))); n != 6 {
		t.Errorf("with files at home: %d answers", n)
	}
	w.must(os.WriteFile(home+"/.postgresql/root.crt", wrong, 0o600))
	pgsqlSame(w, pm, append(plain, uri("mail", "localhost", "sslmode=require"), uri("mail", "localhost", "sslmode=verify-full")))
}

// TestPgsqlPasswordFile: a file of passwords is read where libpq would read it.
func TestPgsqlPasswordFile(t *testing.T) {
	w, p := newPgsql(t)
	pm := newNetPostmap(w)
	w.settled(pm.conf + "/main.cf")
	p.File("data/pg_hba.conf", []byte("local all postgres trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"))
	p.Restart()
	home := w.dir + "/home"
	w.must(os.MkdirAll(home, 0o700))
	t.Setenv("HOME", home)
	t.Setenv("PGPORT", p.Port)
	query := "\nuser = mail\ndbname = mail\nquery = SELECT 'in'\nencoding = LATIN1\n"
	list := []string{"hosts = 127.0.0.1:" + p.Port + query, "hosts = localhost" + query, "hosts = unix:" + p.Dir + query, "hosts = postgresql://mail@127.0.0.1/mail" + query}
	for _, row := range []struct {
		text  string
		mode  os.FileMode
		found int
	}{
		{"", 0o600, 0},
		{"*:*:*:*:secret\n", 0o600, 4},
		{"*:*:*:*:secret\n", 0o640, 0},
		{"127.0.0.1:*:mail:mail:secret\nlocalhost:1:*:*:secret\n", 0o600, 2},
		{"*:*:*:other:secret\n*:*:other:*:secret\nlocalhost:" + p.Port + ":*:*:secret\n127.0.0.1:*:*:*:wrong\n", 0o600, 1},
		{p.Dir + ":*:*:mail:secret\n", 0o600, 1},
	} {
		w.must(os.WriteFile(home+"/.pgpass", []byte(row.text), row.mode))
		w.must(os.Chmod(home+"/.pgpass", row.mode))
		if n := pgsqlSame(w, pm, list); n != row.found {
			t.Errorf("%q: postmap finds %d", row.text, n)
		}
	}
	w.must(os.WriteFile(w.dir+"/passwords", []byte("*:*:*:*:secret\n"), 0o600))
	t.Setenv("PGPASSFILE", w.dir+"/passwords")
	if n := pgsqlSame(w, pm, list); n != 4 {
		t.Errorf("PGPASSFILE: %d", n)
	}
	w.must(os.WriteFile(w.dir+"/services", []byte("[one]\nhost=127.0.0.1\nport="+p.Port+"\nuser=mail\npassword=secret\n"), 0o600))
	t.Setenv("PGSERVICEFILE", w.dir+"/services")
	t.Setenv("PGPASSFILE", "/nowhere")
	if n := pgsqlSame(w, pm, []string{"hosts = postgresql:///mail?service=one" + query, "hosts = postgresql:///mail?service=two" + query}); n != 1 {
		t.Errorf("services: %d", n)
	}
}
