// SPDX-License-Identifier: ISC

package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
)

// session is a connection.
type session struct {
	*base
	conn  driver.Conn
	plain bool // a backslash in a string is nothing but that
}

// dial makes a connection to a server.
func (b *base) dial(ctx context.Context, h *hosts.Host) (hosts.Session, error) {
	s, err := b.connect(ctx, h)
	if err == nil {
		return s, nil
	}
	text := fmt.Errorf("connect to mysql server %s: %w", h.Name, err)
	if lasting(err) {
		return nil, worker.ConfigError{Err: text}
	}
	return nil, text
}

func (b *base) connect(ctx context.Context, h *hosts.Host) (*session, error) {
	t, err := b.target(h)
	if err != nil {
		return nil, err
	}
	ctx, cancel := t.limit(ctx)
	defer cancel()
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, t.words(ctx, err)
	}
	s := &session{base: b, conn: conn}
	if err := s.prepare(ctx, t); err != nil {
		s.Close()
		return nil, t.words(ctx, err)
	}
	return s, nil
}

// config is for the driver.
func (t *target) config() (*mysql.Config, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = t.user, t.password, t.dbname
	cfg.Net, cfg.Addr = t.network, t.addr
	cfg.Logger = &mysql.NopLogger{} // the errors say enough
	cfg.CheckConnLiveness = false   // that is for a pool
	if t.charset != strings.Map(word, t.charset) {
		return nil, worker.ConfigError{Err: fmt.Errorf("bad character set: %s", t.charset)}
	}
	if err := cfg.Apply(mysql.Charset(t.charset, "")); err != nil {
		return nil, err
	}
	if t.tls.wanted() {
		c, err := t.tls.config(t.host)
		if err != nil {
			return nil, fmt.Errorf("TLS/SSL error: %w", err)
		}
		cfg.TLS, cfg.AllowFallbackToPlaintext = c, !t.tls.enforce
	}
	return cfg, nil
}

// word drops what cannot be in the name of a character set.
func word(r rune) rune {
	if r < 0x80 && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' || r == '_') {
		return r
	}
	return -1
}

// words is an error of a connection in those of MariaDB's library.
func (t *target) words(ctx context.Context, err error) error {
	number := syscall.Errno(0)
	numbered := errors.As(err, &number)
	op, network := errors.AsType[*net.OpError](err)
	_, unknown := errors.AsType[*net.DNSError](err)
	theirs, told := errors.AsType[*mysql.MySQLError](err)
	switch {
	case told:
		return said{theirs}
	case ctx.Err() != nil:
		return errors.New("no answer in time")
	case errors.Is(err, mysql.ErrNoTLS):
		return errors.New("TLS/SSL error: SSL is required, but the server does not support it")
	case unknown:
		return library(fmt.Sprintf("Unknown server host '%s' (-2)", t.host))
	case network && op.Op == "dial" && numbered && t.network == "unix":
		return library(fmt.Sprintf("Can't connect to local server through socket '%s' (%d)", t.addr, number))
	case network && op.Op == "dial" && numbered:
		return library(fmt.Sprintf("Can't connect to server on '%s' (%d)", t.host, number))
	case network && strings.HasSuffix(op.Op, " error") || strings.HasPrefix(err.Error(), "tls: "):
		return fmt.Errorf("TLS/SSL error: %w", err)
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF):
		return library("Lost connection to server")
	}
	return err
}

// library is an error in the words of MariaDB's library.
type library string

func (e library) Error() string { return string(e) }

// said is an error that a server has told, in its words alone.
type said struct{ *mysql.MySQLError }

func (e said) Error() string { return e.Message }
func (e said) Unwrap() error { return e.MySQLError }

// unquotable are the character sets in which keys cannot be quoted.
var unquotable = []string{"big5", "cp932", "gb18030", "gbk", "sjis"}

// prepare is what comes before the first query.
func (s *session) prepare(ctx context.Context, t *target) error {
	if err := s.stopLongQueries(ctx); err != nil {
		return err
	}
	if t.initial != "" {
		if _, _, err := s.run(ctx, t.initial); err != nil {
			return err
		}
	}
	modes, _, err := s.run(ctx, "SELECT @@sql_mode, @@character_set_client")
	if err != nil {
		return err
	}
	if len(modes) != 2 {
		return fmt.Errorf("unexpected answer about sql_mode: %.100q", modes)
	}
	s.plain = slices.Contains(strings.Split(modes[0], ","), "NO_BACKSLASH_ESCAPES")
	if slices.Contains(unquotable, modes[1]) {
		return worker.ConfigError{Err: fmt.Errorf("character set %s is not supported: keys cannot be quoted in it", modes[1])}
	}
	return nil
}

// stopLongQueries has the server end queries that nobody waits for any more:
// MariaDB by one name, MySQL by another. Old ones know neither.
func (s *session) stopLongQueries(ctx context.Context) error {
	if s.longest <= 0 {
		return nil
	}
	n := math.Ceil(s.longest.Seconds())
	for _, set := range []string{fmt.Sprintf("SET max_statement_time = %.0f", n), fmt.Sprintf("SET max_execution_time = %.0f", n*1000)} {
		_, _, err := s.run(ctx, set)
		if _, told := errors.AsType[*mysql.MySQLError](err); !told {
			return err
		}
	}
	return nil
}

// Close ends the connection.
func (s *session) Close() { _ = s.conn.Close() }

// Ask runs the query for key.
func (s *session) Ask(ctx context.Context, key string) (values []string, err error) {
	query, ok := s.query.Query(key, s.quote)
	if !ok {
		return nil, nil
	}
	if s.plain && strings.Contains(key, `"`) && strings.Contains(s.query.String(), `"`) {
		return nil, s.failed(refusal("a key with a double quote cannot be quoted while sql_mode has NO_BACKSLASH_ESCAPES"))
	}
	values, results, err := s.run(ctx, query)
	switch {
	case ctx.Err() != nil:
		return nil, s.failed(errors.New("no answer in time"))
	case err != nil:
		return nil, s.failed(err)
	case results == 0 && s.s.Bool("require_result_set"):
		return nil, s.failed(refusal("query returned no result set(require_result_set = yes)"))
	}
	return values, nil
}

// refusal is an error that is as good as a server's own.
type refusal string

func (e refusal) Error() string { return string(e) }

// failed is an error of a query.
func (s *session) failed(err error) error {
	how := "query failed"
	if later, ok := errors.AsType[laterError](err); ok {
		how, err = "query failed ("+later.call+")", later.error
	}
	ours := refusal("")
	theirs, told := errors.AsType[*mysql.MySQLError](err)
	switch {
	case told:
		err = said{theirs}
	case errors.As(err, &ours):
		told = true
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn):
		err = library("Lost connection to server during query")
	}
	text := fmt.Errorf("%s: %s: %w", s.name, how, err)
	switch {
	case lasting(err):
		return hosts.Refused{Err: worker.ConfigError{Err: text}}
	case told && (theirs == nil || !slices.Contains(unableNumbers, theirs.Number)):
		return hosts.Refused{Err: worker.Refused{Err: text}}
	case told:
		return hosts.Refused{Err: text}
	}
	return text
}

// laterError is one that a query has begun with success before; call is what
// Postfix would have been told it by.
type laterError struct {
	error
	call string
}

func (e laterError) Unwrap() error { return e.error }

// maxResult is how many bytes of values a query may have.
const maxResult = 8 << 20

// run runs a query, and returns the values of its result, and how many results
// with columns there were: none or one.
func (s *session) run(ctx context.Context, query string) (values []string, results int, err error) {
	rows, err := s.conn.(driver.QueryerContext).QueryContext(ctx, query, nil)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	columns := len(rows.Columns())
	if columns == 0 {
		return nil, 0, nil
	}
	if err := asText(rows); err != nil {
		return nil, 1, err
	}
	row := make([]driver.Value, columns)
	size := 0
	for {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, 1, laterError{err, "mysql_store_result"}
		}
		for _, value := range row {
			if value == nil {
				continue
			}
			text, _, _ := strings.Cut(string(value.([]byte)), "\x00")
			values = append(values, text)
			if size += len(text) + 4; size > maxResult {
				return nil, 1, refusal(fmt.Sprintf("more than %d bytes of values", maxResult))
			}
		}
	}
	if more := rows.(driver.RowsNextResultSet); more.HasNextResultSet() {
		switch err := more.NextResultSet(); {
		case err == nil:
			return nil, 2, refusal("multiple result sets returning data are not supported")
		case !errors.Is(err, io.EOF):
			return nil, 1, laterError{err, "mysql_next_result"}
		}
	}
	return values, 1, nil
}

// asText has the driver leave numbers as the server has written them: 00017, 1.50
// and 1e20 are values like others, and what a number is worth does not say how it
// was written. The driver has no other way: it must be told that there are strings
// in the columns.
func asText(rows driver.Rows) error {
	const stringType = 0xfd // MYSQL_TYPE_VAR_STRING
	strange := errors.New("the driver is not the one that this was made for")
	r := reflect.ValueOf(rows)
	if r.Kind() != reflect.Pointer || r.Elem().Kind() != reflect.Struct {
		return strange
	}
	result := r.Elem().FieldByName("rs")
	if !result.IsValid() || result.Kind() != reflect.Struct {
		return strange
	}
	columns := result.FieldByName("columns")
	if !columns.IsValid() || columns.Kind() != reflect.Slice {
		return strange
	}
	for i := range columns.Len() {
		kind := columns.Index(i).FieldByName("fieldType")
		if !kind.IsValid() || kind.Kind() != reflect.Uint8 {
			return strange
		}
		reflect.NewAt(kind.Type(), kind.Addr().UnsafePointer()).Elem().SetUint(stringType)
	}
	return nil
}

// configNumbers are a server's errors that stay until somebody changes
// something: unknown databases, tables, columns and procedures, bad syntax, and
// what this user may not do.
var configNumbers = []uint16{1044, 1045, 1049, 1052, 1054, 1064, 1065, 1109, 1115, 1130, 1142, 1143, 1146, 1149, 1222, 1227, 1251, 1305, 1318, 1370, 1698}

// unableNumbers are a server's errors that anybody else may get as well, now: no
// room, no memory, locks, limits on use, a query that takes too long, and its end.
var unableNumbers = []uint16{1021, 1037, 1038, 1041, 1053, 1205, 1213, 1226, 1317, 1927, 1969, 3024}

// lasting reports whether an error is there to stay.
func lasting(err error) bool {
	theirs, ok := errors.AsType[*mysql.MySQLError](err)
	_, config := errors.AsType[worker.ConfigError](err)
	return config || ok && slices.Contains(configNumbers, theirs.Number)
}

// escapes are mysql_real_escape_string(3)'s.
var (
	escapes = strings.NewReplacer("\x00", `\0`, "\n", `\n`, "\r", `\r`, `\`, `\\`, "'", `\'`, `"`, `\"`, "\x1a", `\Z`)
	doubles = strings.NewReplacer("'", "''")
)

// quote is what stands for a part of a key within quotes.
func (s *session) quote(text string) string {
	if s.plain {
		return doubles.Replace(text)
	}
	return escapes.Replace(text)
}
