// SPDX-License-Identifier: ISC

package mysql

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/services/table/worker"
)

// fakeMySQL is a server that says what a test has written down for a query.
type fakeMySQL struct {
	t       *testing.T
	mode    string // sql_mode
	charset string
	answers map[string][]string // packets; the last one "hang" or "end" is what happens then
	hung    func()
	asked   []string // valid once the client has its answer
}

// Parts of packets.
const (
	columns1 = "\x01"
	okPacket = "\x00\x00\x00\x02\x00\x00\x00"
	okMore   = "\x00\x00\x00\x0a\x00\x00\x00"
	eof      = "\xfe\x00\x00\x02\x00"
	eofMore  = "\xfe\x00\x00\x0a\x00"
)

// counted is a string with its length.
func counted(s string) string { return string(rune(len(s))) + s }

// column describes one of that type.
func column(kind byte) string {
	return counted("def") + strings.Repeat(counted(""), 3) + counted("c") + counted("") + "\x0c\x21\x00\xff\x00\x00\x00" + string([]byte{kind}) + "\x00\x00\x00\x00\x00"
}

func serverError(number uint16, text string) string {
	return "\xff" + string(binary.LittleEndian.AppendUint16(nil, number)) + "#HY000" + text
}

// start has the server listen, and returns a table that asks it.
func (f *fakeMySQL) start(settings ...string) *base {
	f.t.Helper()
	path := f.t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		f.t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.serve(c)
			_ = c.Close()
		}
	}()
	all := append([]string{
		"name", "x", "hosts", "unix:" + path, "user", "u", "dbname", "d", "query", "SELECT '%s'",
		"require_result_set", "yes", "idle_interval", "60", "retry_interval", "60",
	}, settings...)
	table, err := Open(worker.NewSettings(all...))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		table.Close()
		_ = l.Close()
		<-gone
	})
	return table.(*base)
}

// serve talks to one client, until that goes.
func (f *fakeMySQL) serve(c net.Conn) {
	in := bufio.NewReader(c)
	sequence := byte(0)
	write := func(packets ...string) {
		for _, p := range packets {
			head := []byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), sequence}
			_, _ = c.Write(append(head, p...))
			sequence++
		}
	}
	read := func() (string, bool) {
		head := make([]byte, 4)
		if _, err := io.ReadFull(in, head); err != nil {
			return "", false
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		_, err := io.ReadFull(in, body)
		sequence = head[3] + 1
		return string(body), err == nil
	}
	// Protocol 4.1, results one after the other, no TLS, a native password.
	write("\x0a5.7\x00" + "\x01\x00\x00\x00" + "12345678\x00" + "\x08\xa2" + "\x21" + "\x02\x00" + "\x0a\x00" + "\x15" + strings.Repeat("\x00", 10) + "123456789012\x00" + "mysql_native_password\x00")
	if _, ok := read(); !ok {
		return
	}
	write(okPacket)
	for {
		command, ok := read()
		if !ok || command[0] != 3 {
			return
		}
		query := command[1:]
		f.asked = append(f.asked, query)
		answer, known := f.answers[query]
		switch {
		case known:
		case strings.HasPrefix(query, "SELECT @@sql_mode"):
			answer = []string{"\x02", column(0xfd), column(0xfd), eof, counted(f.mode) + counted(f.charset), eof}
		case strings.HasPrefix(query, "SET max_statement_time"):
			answer = []string{serverError(1193, "Unknown system variable")}
		default:
			answer = []string{okPacket}
		}
		for _, p := range answer {
			switch p {
			case "end":
				return
			case "hang":
				f.hung()
				_, _ = io.Copy(io.Discard, in)
				return
			}
			write(p)
		}
	}
}

func newFakeMySQL(t *testing.T) *fakeMySQL {
	return &fakeMySQL{t: t, mode: "STRICT_TRANS_TABLES,ANSI", charset: "utf8mb4", answers: map[string][]string{}}
}

// TestAsk: what comes back becomes values, or one of four sorts of errors.
func TestAsk(t *testing.T) {
	f := newFakeMySQL(t)
	f.answers = map[string][]string{
		"SELECT 'one'":    {columns1, column(0xfd), eof, counted("a"), "\xfb", counted("b\x00c"), counted(""), eof},
		"SELECT 'int'":    {"\x02", column(0x03), column(0x05), eof, counted("00017") + counted("1.50"), eof},
		"SELECT 'none'":   {columns1, column(0xfd), eof, eof},
		"SELECT 'ok'":     {okPacket},
		"SELECT 'call'":   {columns1, column(0xfd), eof, counted("a"), eofMore, okPacket},
		"SELECT 'late'":   {okMore, columns1, column(0xfd), eof, counted("a"), eof},
		"SELECT 'two'":    {columns1, column(0xfd), eof, counted("a"), eofMore, columns1, column(0xfd), eof, counted("b"), eof},
		"SELECT 'syntax'": {serverError(1064, "bad syntax")},
		"SELECT 'lock'":   {serverError(1205, "lock wait timeout")},
		"SELECT 'middle'": {columns1, column(0xfd), eof, counted("a"), serverError(1317, "interrupted")},
		"SELECT 'next'":   {columns1, column(0xfd), eof, counted("a"), eofMore, serverError(1644, "odd")},
		"SELECT 'lost'":   {"end"},
		"SELECT 'half'":   {columns1, column(0xfd), eof, counted("a"), "end"},
		"SELECT 'hang'":   {"hang"},
	}
	b := f.start()
	const never, no = "never: ", "refused: " // the latter is only about the key
	for _, row := range []struct{ key, want string }{
		{"one", "a b "},
		{"int", "00017 1.50"},
		{"none", ""},
		{"ok", no + "mysql:x: query failed: query returned no result set(require_result_set = yes)"},
		{"call", "a"},
		{"late", "a"},
		{"two", no + "mysql:x: query failed: multiple result sets returning data are not supported"},
		{"syntax", never + "mysql:x: query failed: bad syntax"},
		{"lock", "mysql:x: query failed: lock wait timeout"},
		{"middle", "mysql:x: query failed (mysql_store_result): interrupted"},
		{"next", no + "mysql:x: query failed (mysql_next_result): odd"},
		{"lost", "mysql:x: query failed: Lost connection to server during query"},
		{"half", "mysql:x: query failed (mysql_store_result): Lost connection to server during query"},
		{"hang", "mysql:x: query failed: no answer in time"},
		{"one", "a b "},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		f.hung = cancel
		values, err := b.Lookup(ctx, row.key)
		cancel()
		got := strings.Join(values, " ")
		if err != nil {
			got = err.Error()
		}
		if _, lasting := errors.AsType[worker.ConfigError](err); lasting {
			got = never + got
		}
		if _, refused := errors.AsType[worker.Refused](err); refused {
			got = no + got
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.key, got, row.want)
		}
	}
}

// TestPrepare: what a server is told and asked first, and what follows.
func TestPrepare(t *testing.T) {
	f := newFakeMySQL(t)
	b := f.start("charset", "latin1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.Lookup(ctx, `it's "a\b"`); err == nil {
		t.Error("the fake has answered")
	}
	want := []string{
		"SET NAMES latin1", "SET max_statement_time = 60", "SET max_execution_time = 60000",
		"SELECT @@sql_mode, @@character_set_client", `SELECT 'it\'s \"a\\b\"'`,
	}
	if !slices.Equal(f.asked, want) {
		t.Errorf("asked\n%q, want\n%q", f.asked, want)
	}
	f = newFakeMySQL(t)
	f.mode = "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES"
	b = f.start("query", "SELECT '%s'")
	_, _ = b.Lookup(ctx, `it's "a\b"`)
	if got := f.asked[len(f.asked)-1]; got != `SELECT 'it''s "a\b"'` {
		t.Errorf("with NO_BACKSLASH_ESCAPES, asked %s", got)
	}
	f = newFakeMySQL(t)
	f.charset = "gbk" // an init_connect of the server's, say
	if _, err := f.start().Lookup(ctx, "k"); err == nil || !strings.Contains(err.Error(), "keys cannot be quoted in it") {
		t.Errorf("gbk: %v", err)
	}
}
