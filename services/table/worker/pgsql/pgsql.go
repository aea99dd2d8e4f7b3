// SPDX-License-Identifier: ISC

// Package pgsql is the driver of pgsql: tables, for a worker.
//
// A query is text, and so are its results: of several statements the last one
// counts, of each of its rows all columns do, and NULL is an empty value.
//
// # Failures
//
// An error of the server's is Postfix's "fatal error"; those that its
// configuration or this table's must mend first are worker.ConfigError. A query
// that takes too long is cancelled on the server, and so that there are never more
// connections than workers, a connection is over when the server has closed it,
// too.
//
// # See also
//
// pgsql_table(5); the manual of libpq, for what a URI may say and which variables
// of the environment and which files count beside it.
package pgsql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"postloop/services/table/cf"
	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
)

// Limits. What has to be done when a query's time is over has to fit into a second.
const (
	cancelTime = 400 * time.Millisecond // for the server to cancel a query
	closeTime  = 150 * time.Millisecond // for it to close a connection
	maxResult  = 15 << 20               // bytes
)

// base is what a table asks, and whom.
type base struct {
	s      *worker.Settings
	query  *cf.Template
	client *hosts.Client
	// leaving is closed when the last connection to a host is over.
	leaving map[string]<-chan struct{}
}

// Open opens a table of the settings hosts, user, password, dbname, query,
// encoding, idle_interval and retry_interval.
func Open(s *worker.Settings) (worker.Table, error) {
	query, ok := cf.ParseTemplate(s.String("query"))
	if !ok {
		return nil, fmt.Errorf("invalid query template: %s", s.String("query"))
	}
	setHome()
	b := &base{s: s, query: query, leaving: map[string]<-chan struct{}{}}
	var list []hosts.Host
	for word := range strings.FieldsSeq(s.String("hosts")) {
		list = append(list, parseHost(word))
	}
	if len(list) == 0 {
		return nil, errors.New("no hosts")
	}
	seconds := func(name string) time.Duration { return time.Duration(s.Int(name)) * time.Second }
	b.client = hosts.NewClient(list, seconds("idle_interval"), seconds("retry_interval"), b.dial, s.Warnf)
	return b, nil
}

// Close closes the connection.
func (b *base) Close() { b.client.Close() }

// Lookup runs the query for key.
func (b *base) Lookup(ctx context.Context, key string) (values []string, err error) {
	return b.client.Lookup(ctx, key)
}

// session is a connection.
type session struct {
	query *cf.Template
	host  string // its name, for messages
	conn  *pgconn.PgConn
}

// dial makes a connection, once the last one to that host is over.
func (b *base) dial(ctx context.Context, h *hosts.Host) (hosts.Session, error) {
	if over := b.leaving[h.Name]; over != nil {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	config, err := b.config(h)
	if err != nil {
		return nil, fmt.Errorf("connect to pgsql server %s: %w", h.Name, err)
	}
	config.MaxProtocolMessageBodyLen = maxResult
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTime}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to pgsql server %s: %s", h.Name, unreached(config, err))
	}
	b.leaving[h.Name] = conn.CleanupDone()
	s := &session{b.query, h.Name, conn}
	encoding := b.s.String("encoding")
	if err := conn.Exec(ctx, "SET client_encoding TO '"+strings.ReplaceAll(encoding, "'", "''")+"'").Close(); err != nil {
		s.Close()
		return nil, fmt.Errorf("dict_pgsql: cannot set the encoding to %s, skipping %s: %s", encoding, h.Name, words(err))
	}
	return s, nil
}

// Close ends the connection. The server is waited for, or it would have two of
// this worker for a moment.
func (s *session) Close() {
	if !s.conn.IsClosed() {
		s.conn.Frontend().Send(&pgproto3.Terminate{})
		_ = s.conn.Conn().SetDeadline(time.Now().Add(closeTime))
		if s.conn.Frontend().Flush() == nil {
			_, _ = io.Copy(io.Discard, s.conn.Conn())
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		_ = s.conn.Close(ctx)
	}
	select {
	case <-s.conn.CleanupDone():
	case <-time.After(closeTime):
	}
}

// Ask runs the query for key.
func (s *session) Ask(ctx context.Context, key string) (values []string, err error) {
	quote, known, err := quoting(s.conn.ParameterStatus, key)
	if err != nil {
		return nil, hosts.Refused{Err: worker.Refused{Err: fmt.Errorf("dict pgsql: (host %s) cannot escape input string: %w", s.host, err)}}
	}
	query, ok := s.query.Query(key, quote)
	if !known || !ok {
		return nil, nil
	}
	values, err = s.run(ctx, query)
	if _, refused := errors.AsType[hosts.Refused](err); err == nil || refused {
		return values, err
	}
	answer, _ := errors.AsType[*pgconn.PgError](err)
	err = fmt.Errorf("pgsql query failed: fatal error from host %s: %s", s.host, words(err))
	switch {
	case answer == nil, s.conn.IsClosed(): // it is about the connection
		return nil, err
	case lasting(answer.Code):
		err = worker.ConfigError{Err: err}
	case !unable(answer.Code):
		err = worker.Refused{Err: err}
	}
	return nil, hosts.Refused{Err: err}
}

// run returns the values of a query's last statement. An error is the library's, or
// hosts.Refused.
func (s *session) run(ctx context.Context, query string) (values []string, err error) {
	results := s.conn.Exec(ctx, query)
	tag, size := "", 0
	for results.NextResult() {
		values = values[:0]
		rows := results.ResultReader()
		for rows.NextRow() {
			for _, value := range rows.Values() {
				if size += len(value); size > maxResult {
					return nil, s.refused("more than %d bytes", maxResult)
				}
				values = append(values, string(value))
			}
		}
		last, _ := rows.Close()
		tag = last.String()
	}
	if err := results.Close(); err != nil {
		return nil, err
	}
	// These have no rows, and are none of the commands that have none.
	switch {
	case tag == "":
		return nil, s.refused("unknown code 0x0")
	case strings.HasPrefix(tag, "COPY "):
		return nil, s.refused("unknown code 0x3")
	}
	return values, nil
}

// refused is about a result that is no use.
func (s *session) refused(format string, args ...any) error {
	return hosts.Refused{Err: worker.Refused{Err: fmt.Errorf("pgsql query failed: %s from host %s", fmt.Sprintf(format, args...), s.host)}}
}
