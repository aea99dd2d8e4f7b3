// SPDX-License-Identifier: ISC

package pgsql

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
)

func TestParseHost(t *testing.T) {
	for word, want := range map[string]hosts.Host{
		"h":              {Addr: "h"},
		"h:1":            {Addr: "h", Port: "1"},
		"inet:h":         {Addr: "h"},
		"inet:h:1":       {Addr: "h", Port: "1"},
		"::1:5432":       {Addr: "::1", Port: "5432"},
		":1":             {Addr: "", Port: "1", Unix: true},
		"unix:/a:1":      {Addr: "/a:1", Unix: true},
		"/a":             {Addr: "/a", Unix: true},
		"unix:a":         {Addr: "a"},
		"inet:":          {Unix: true},
		"unix:inet:h:1":  {Addr: "inet:h", Port: "1"},
		"postgresql://h": {Addr: "postgresql://h"},
		"x://h:1/":       {Addr: "x://h:1/"},
	} {
		want.Name = word
		if got := parseHost(word); got != want {
			t.Errorf("%s: got %+v, want %+v", word, got, want)
		}
	}
}

func TestRedacted(t *testing.T) {
	for uri, want := range map[string]string{
		"postgresql://h/d":                           "postgresql://h/d",
		"postgresql://u@h/d?x=y":                     "postgresql://u@h/d?x=y",
		"postgresql://u:p@h:1/d":                     "postgresql://u:***@h:1/d",
		"postgresql://u:p?:x@h/d":                    "postgresql://u:***@h/d",
		"postgresql://h:1/u:p@x":                     "postgresql://h:***@x",
		"postgresql://u:a/b@h/d":                     "postgresql://u:***@h/d",
		"postgresql://u:a?b@h/d":                     "postgresql://u:***@h/d",
		"postgresql:///d?password=p&a=b&sslpassword": "postgresql:///d?password=***&a=b&sslpassword",
		"postgresql:///d?a=b&sslpassword=p":          "postgresql:///d?a=b&sslpassword=***",
	} {
		if got := redacted(uri); got != want {
			t.Errorf("%s: got %s, want %s", uri, got, want)
		}
	}
}

// newBase is a table that asks nobody, for a user without any file.
func newBase(t *testing.T, settings ...string) *base {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGDATABASE", "PGSSLMODE", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	table, err := Open(worker.NewSettings(append([]string{"hosts", "h", "query", "SELECT '%s'", "idle_interval", "60", "retry_interval", "60"}, settings...)...))
	if err != nil {
		t.Fatal(err)
	}
	return table.(*base)
}

func TestConfig(t *testing.T) {
	for _, row := range []struct{ host, user, password, dbname, want string }{
		{"h:1", "u", `p' \x`, "d", `h:1 u p' \x d`},
		{"/s", "u", "", "d", "/s:5432 u  d"},
		{"h", "u", "p", "dbname=x sslmode=disable user=v port=7", "h:7 u p x"},
		{"h", "", "p", "dbname=x user=v", "h:5432 v p x"},
		{"h:1", "u", "p w", "postgresql://v:q@g:7/x?application_name=a", "h:1 u p w x"},
		{"h:1", "u", "+%&=", "postgres://g", "h:1 u +%&="},
		{"postgresql://v:q@g:7/x", "u", "p", "d", "g:7 v q x"},
		{"postgresql://g/x?port=8&user=w", "u", "p", "d", "g:8 w  x"},
		{"h:x", "u", "p", "d", "invalid port"},
		{"x://y?a=b", "u", "p", "d", `missing "=" in connection info string`},
		{"h", "u", "secret", "oops=1", `invalid connection option "oops"`},
		{"h", "u", "secret", "sslmode=oops", "failed to configure TLS (sslmode is invalid)"},
		{"h", "u", "secret", "dbname='oops", "unterminated quoted string in connection info string"},
		{"postgresql://u:secret@h/d?sslmode=verify-full", "", "", "", "root certificate file does not exist -- provide one, or change sslmode"},
		{"postgresql://u:secret@h/d?sslcrl=x", "", "", "", `connection option "sslcrl" is not supported`},
		{"postgresql://u:secret@h/d?gssencmode=require", "", "", "", `connection option "gssencmode" cannot be require here`},
		{"postgresql://u:secret@h/d%", "", "", "", "failed to parse as URL"},
	} {
		b := newBase(t, "user", row.user, "password", row.password, "dbname", row.dbname)
		h := parseHost(row.host)
		c, err := b.config(&h)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s:%d %s %s %s", c.Host, c.Port, c.User, c.Password, c.Database)
		}
		if !strings.HasPrefix(got, row.want) && !strings.Contains(got, row.want) || strings.Contains(got, "secret") {
			t.Errorf("%+v: got %s", row, got)
		}
	}
}

func TestCheckParameters(t *testing.T) {
	params := map[string]string{"fallback_application_name": "f", "client_encoding": "x", "keepalives": "1", "options": "-c a=b", "gssencmode": "prefer"}
	if err := checkParameters(params); err != nil || !maps.Equal(params, map[string]string{"application_name": "f", "options": "-c a=b"}) {
		t.Errorf("got %v, %v", params, err)
	}
}

func TestWords(t *testing.T) {
	answer := &pgconn.PgError{Severity: "ERROR", Code: "42P01", Message: "relation \"x\" does not exist"}
	for want, err := range map[string]error{
		`ERROR:  relation "x" does not exist`: fmt.Errorf("some: %w", answer),
		"more than one line":                  fmt.Errorf("more than\n\tone line"),
	} {
		if got := words(err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for code, want := range map[string]bool{"42P01": true, "42601": true, "42501": true, "3F000": true, "22012": false, "57014": false, "53300": false} {
		if lasting(code) != want {
			t.Errorf("%s: not %v", code, want)
		}
	}
	for code, want := range map[string]bool{"22021": false, "22P02": false, "P0001": false, "21000": false, "57014": true, "53300": true, "40P01": true, "XX000": true, "": true} {
		if unable(code) != want {
			t.Errorf("%s, whatever is asked: not %v", code, want)
		}
	}
}

// server is the parameters that one reports.
func server(encoding, conforming string) func(string) string {
	return func(name string) string {
		return map[string]string{"client_encoding": encoding, "standard_conforming_strings": conforming}[name]
	}
}

func TestQuoting(t *testing.T) {
	for _, row := range []struct{ encoding, conforming, key, want string }{
		{"UTF8", "on", `a'b\c"ü`, `a''b\c"ü`},
		{"UTF8", "off", `a'b\c"ü`, `a''b\\c"ü`},
		{"UTF8", "on", "\xff", "not known"},
		{"UTF8", "on", "a\x00b", "not known"},
		{"LATIN1", "on", "\xff'", "\xff''"},
		{"SQL_ASCII", "off", "\xff\\'", "\xff\\\\''"},
		{"SJIS", "on", "a'", "a''"},
		{"SJIS", "off", "\x95\x5c", "this cannot be done in the encoding SJIS"},
		{"GBK", "on", "\xbf'", "this cannot be done in the encoding GBK"},
		{"UTF8", "", "a", "the server does not say whether a backslash is a character like any other"},
	} {
		quote, known, err := quoting(server(row.encoding, row.conforming), row.key)
		got := fmt.Sprint(err)
		switch {
		case err == nil && !known:
			got = "not known"
		case err == nil:
			got = quote(row.key)
		}
		if got != row.want {
			t.Errorf("%+v: got %q", row, got)
		}
	}
}

// FuzzQuoting: between quotes, what is written of a key is read as the key, and
// nothing is left.
func FuzzQuoting(f *testing.F) {
	f.Add(`'\''`, true)
	f.Add(`\`, false)
	f.Fuzz(func(t *testing.T, key string, conforming bool) {
		how := map[bool]string{true: "on", false: "off"}[conforming]
		quote, known, err := quoting(server("UTF8", how), key)
		if err != nil || known != (utf8.ValidString(key) && !strings.Contains(key, "\x00")) {
			t.Fatalf("%q: %v, %v", key, known, err)
		}
		if !known {
			return
		}
		text, rest := "", quote(key)+"'"
		for rest[0] != '\'' || strings.HasPrefix(rest, "''") {
			if rest[0] == '\'' || rest[0] == '\\' && !conforming {
				rest = rest[1:]
			}
			text, rest = text+rest[:1], rest[1:]
		}
		if text != key || rest != "'" {
			t.Fatalf("%q: read as %q, with %q behind it", key, text, rest)
		}
	})
}

// FuzzHost: no list of hosts ends the worker, and no password is in what is said of
// one.
func FuzzHost(f *testing.F) {
	f.Add("postgresql://u@h:1/d?sslmode=require")
	f.Add("inet:[::1]:5432")
	f.Add("unix:/x")
	f.Fuzz(func(t *testing.T, word string) {
		b := &base{s: worker.NewSettings("user", "u", "password", "SeCrEt'\\", "dbname", "d")}
		h := parseHost(word)
		if _, err := b.config(&h); err != nil && strings.Contains(err.Error(), "SeCrEt") {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(word, "postgresql://"); ok {
			if name := parseHost("postgresql://u:SeCrEt@" + rest).Name; strings.Contains(name, "SeCrEt") {
				t.Fatal(name)
			}
		}
	})
}
