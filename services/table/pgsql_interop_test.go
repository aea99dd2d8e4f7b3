// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"strings"
	"testing"

	"postloop/internal/dbtest"
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
	keys := append(oddKeys(), "many@example.com", "o'brien@example.com", "''", "' OR '1'='1", "\\", "a\\'b", "\"", "\\' OR true --", "$1", "$$")
	p.SQL("mail", "SET client_encoding = LATIN1; SET ROLE mail;\nBEGIN;\n"+sqlRows(keys, sqlText)+"COMMIT;\n")
	same := func(settings string, least int) {
		t.Helper()
		if found := pm.compare("pgsql:"+w.file(settings), keys); found < least {
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
	p.SQL("mail", "CREATE TABLE private (k text);\n")
	at := "127.0.0.1:" + p.Port
	login := "hosts = " + at + "\nuser = mail\npassword = secret\ndbname = mail\nencoding = LATIN1\n"
	for _, row := range []struct {
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
	} {
		ref := "pgsql:" + w.file(row.settings)
		_, failed, warnings := pm.one(ref, "key")
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
	// What is not an error.
	for _, query := range []string{"BEGIN", "SELECT", "SELECT 1; DO $$BEGIN END$$", "INSERT INTO t VALUES ('a', 'b')", "SELECT NULL"} {
		ref := "pgsql:" + w.file(login+"query = "+query+"\n")
		out, failed, warnings := pm.one(ref, "key")
		w.log = nil
		got := w.askAsPostmap(w.open(ref), "key")
		if failed || out != "" || got != (Answer{Status: NoKey}) || strings.Join(w.log, "\n") != strings.Join(warnings, "\n") {
			t.Errorf("%s: got %+v, logged %q; postmap has %q, logs %q", query, got, w.log, out, warnings)
		}
	}
}
