// SPDX-License-Identifier: ISC

// Package sqlite is the driver of sqlite: tables, for a worker. It reads the
// database with SQLite itself, translated to Go.
//
// The database is opened for reading only, when it is first asked for something,
// and anew when the file has been replaced. Of each row the first column counts.
//
// # See also
//
// sqlite_table(5).
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"postloop/services/table/cf"
	"postloop/services/table/worker"
)

// base is one database, and one query.
type base struct {
	s     *worker.Settings
	name  string // of the table, in messages
	path  string
	query *cf.Template

	conn *sqlite3.Conn // nil: not open
	file os.FileInfo   // that conn has open
}

// Open opens a table of the settings name, dbpath and query.
func Open(s *worker.Settings) (worker.Table, error) {
	query, ok := cf.ParseTemplate(s.String("query"))
	if !ok {
		return nil, fmt.Errorf("invalid query template: %s", s.String("query"))
	}
	return &base{s: s, name: s.String("name"), path: s.String("dbpath"), query: query}, nil
}

// Close closes the database.
func (b *base) Close() {
	if b.conn != nil {
		_ = b.conn.Close()
		b.conn = nil
	}
}

// Lookup runs the query for key.
func (b *base) Lookup(ctx context.Context, key string) (values []string, err error) {
	query, ok := b.query.Query(key, quote)
	if !ok {
		return nil, nil
	}
	if err := b.connect(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", b.path, err)
	}
	stmt, _, err := b.conn.Prepare(query)
	if err != nil {
		text := fmt.Errorf("dict_sqlite_lookup: %s: SQL prepare failed: %w", b.name, plain(err))
		if c := code(err); c == sqlite3.ERROR || c == sqlite3.AUTH { // it will not become right by itself
			return nil, worker.ConfigError{Err: text}
		}
		return nil, refused(err, text)
	}
	if stmt == nil {
		return nil, fmt.Errorf("dict_sqlite_lookup: %s: SQL step failed for query '%s': nothing to do", b.name, query)
	}
	defer func() { _ = stmt.Close() }()
	for stmt.Step() {
		if stmt.ColumnType(0) != sqlite3.NULL {
			value, _, _ := strings.Cut(stmt.ColumnText(0), "\x00")
			values = append(values, value)
		}
	}
	if err := stmt.Err(); err != nil {
		return nil, refused(err, fmt.Errorf("dict_sqlite_lookup: %s: SQL step failed for query '%s': %w", b.name, query, plain(err)))
	}
	return values, nil
}

// refused is text as what the database says to this query only, if err is such an
// error.
func refused(err, text error) error {
	if slices.Contains(ofQuery, code(err)) {
		return worker.Refused{Err: text}
	}
	return text
}

// ofQuery are the codes of such errors.
var ofQuery = []sqlite3.ErrorCode{sqlite3.ERROR, sqlite3.TOOBIG, sqlite3.MISMATCH, sqlite3.CONSTRAINT}

// quote is what stands for a part of a key within quotes.
func quote(text string) string { return strings.ReplaceAll(text, "'", "''") }

// connect has the database open, the one that the path leads to now. ctx is for
// all that is done with it until the next call.
func (b *base) connect(ctx context.Context) error {
	file, err := os.Stat(b.path)
	if err != nil {
		return errors.Unwrap(err)
	}
	if b.conn != nil && !os.SameFile(file, b.file) {
		b.Close()
	}
	if b.conn == nil {
		name := url.URL{Scheme: "file", OmitHost: true, Path: b.path, RawQuery: "vfs=" + readerVFS}
		if b.conn, err = sqlite3.OpenFlags(name.String(), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI); err != nil {
			return plain(err)
		}
		b.file = file
	}
	b.conn.SetInterrupt(ctx)
	until, _ := ctx.Deadline()
	return b.conn.BusyTimeout(max(time.Until(until), time.Millisecond))
}

// plain is an error of SQLite in its own words, without this library's.
func plain(err error) error {
	text := err.Error()
	if detail, ok := strings.CutPrefix(text, code(err).Error()+": "); ok {
		return errors.New(detail)
	}
	return errors.New(strings.TrimPrefix(text, "sqlite3: "))
}

func code(err error) sqlite3.ErrorCode {
	c, _ := errors.AsType[sqlite3.ErrorCode](err)
	return c
}
