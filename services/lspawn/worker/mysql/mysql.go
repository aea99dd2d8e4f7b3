// SPDX-License-Identifier: ISC

// Package mysql answers from IndiMail's tables in MySQL or MariaDB, for a worker:
// see package record.
//
// # Order
//
// A connection is made when a user is asked for and there is none; then the
// server's name and the account are read from the environment and from
// control/host.mysql, so that they may change. The active users are looked at
// first, then the inactive ones. Names go to the server beside the statement and
// never in it: it is prepared once for a connection.
//
// # Failures
//
// Only an answer is one: what the server did not say, nobody has heard. After an
// error the connection is thrown away. If it was an old one, the server may have
// been started anew since, and the question is asked once more over a new one.
//
// # Limits
//
// Names are UTF-8 to us, whatever they are stored in; the rest of a record comes as
// it is stored. One server, and one pair of tables. IndiMail can also be built for a table per
// domain, for several servers, and for limits of domains in the database; such
// sites have a library that knows.
//
// # See also
//
// libindimail of IndiMail: sql_getpw, iopen, get_real_domain.
package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"postloop/services/lspawn/worker/record"
	"postloop/services/table/worker"
)

// users is one database.
type users struct {
	s       *worker.Settings
	getenv  func(string) string
	domains domains

	db       *sql.DB // nil: there is no connection
	active   *sql.Stmt
	inactive *sql.Stmt // nil: there was no such table
	table    string    // of the inactive ones
	scram    bool      // they have a column of that name
}

// Open is for settings control, the directory of control files, and assign, the
// path of users/cdb. The rest is in the environment.
func Open(getenv func(string) string) worker.Open {
	return func(s *worker.Settings) (worker.Table, error) {
		d := domains{cdb: s.String("assign"), aliases: aliases(getenv("REAL_DOMAINS"), getenv("ALIAS_DOMAINS"))}
		return &users{s: s, getenv: getenv, domains: d}, nil
	}
}

// Close ends the connection.
func (u *users) Close() {
	if u.db != nil {
		_ = u.db.Close() // and with it what has been prepared
	}
	u.db, u.active, u.inactive = nil, nil, nil
}

// Lookup finds a user.
func (u *users) Lookup(ctx context.Context, key string) (values []string, err error) {
	user, domain, ok := record.Split(key)
	if !ok {
		return nil, errors.New("MySQL: no mailbox: " + key)
	}
	real, ok, err := u.domains.find(domain)
	if err != nil || !ok {
		return nil, err
	}
	used := u.db != nil
	r, err := u.find(ctx, record.Lower(user), real)
	if err != nil && used && ctx.Err() == nil {
		u.Close()
		r, err = u.find(ctx, record.Lower(user), real)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		u.Close()
		return nil, errors.New("MySQL: no answer in time")
	case err != nil:
		u.Close()
		return nil, fmt.Errorf("MySQL: %w", err)
	case r == nil:
		return nil, nil
	}
	return []string{r.Text(domain)}, nil
}

// find looks at the active users, and then at the others.
func (u *users) find(ctx context.Context, user, domain string) (*record.Record, error) {
	if err := u.connect(ctx); err != nil {
		return nil, err
	}
	r, err := u.query(ctx, u.active, user, domain)
	if err != nil || r != nil {
		return r, err
	}
	if u.inactive == nil { // it may be there by now, and nobody is to be unknown for that
		if err = u.prepareInactive(ctx); err != nil || u.inactive == nil {
			return nil, err
		}
	}
	if r, err = u.query(ctx, u.inactive, user, domain); r != nil {
		r.Inactive = true
	}
	return r, err
}

// query returns the user in one table; nil: there is none.
func (u *users) query(ctx context.Context, stmt *sql.Stmt, user, domain string) (*record.Record, error) {
	var name, passwd, uid, gid, gecos, dir, shell, scram sql.NullString
	columns := []any{&name, &passwd, &uid, &gid, &gecos, &dir, &shell}
	if u.scram {
		columns = append(columns, &scram)
	}
	err := stmt.QueryRowContext(ctx, user, domain).Scan(columns...)
	switch {
	case errors.Is(err, sql.ErrNoRows), !isASCII(user+domain) && (is(err, illegalMix) || is(err, cannotConvert)):
		return nil, nil // not there, or cannot be, in the character set of the table
	case err != nil:
		return nil, err
	}
	r := &record.Record{Name: name.String, Passwd: passwd.String, Gecos: gecos.String, Dir: dir.String, Shell: shell.String}
	if scram.Valid {
		r.Passwd = scram.String + "," + r.Passwd
	}
	if r.UID, err = number("pw_uid", uid.String); err == nil {
		r.GID, err = number("pw_gid", gid.String)
	}
	if err != nil {
		return nil, fmt.Errorf("record of %s@%s: %w", user, domain, err)
	}
	return r, nil
}

// number is one of the numbers of a record, as C's unsigned int has it. What is
// none is not taken for 0, which means that a user may do everything.
func number(column, text string) (uint32, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		return 0, fmt.Errorf("%s is not a number: %.40q", column, text)
	}
	return uint32(n), nil
}

// connect makes a connection, if there is none, and prepares it.
func (u *users) connect(ctx context.Context) error {
	if u.db != nil {
		return nil
	}
	server, err := readServer(u.getenv, u.s.String("control"))
	if err != nil {
		return err
	}
	cfg, err := server.config()
	if err != nil {
		return err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	u.db = sql.OpenDB(connector)
	u.db.SetMaxOpenConns(1)
	if err = u.prepare(ctx, server); err != nil {
		u.Close()
	}
	return err
}

// Errors of a server that are no trouble. The last two are about a text that the
// character set of the column does not have: MariaDB's and MySQL's.
const (
	unknownColumn = 1054
	unknownTable  = 1146
	illegalMix    = 1267
	cannotConvert = 3988
)

// prepare prepares the statements. The column scram is there since 2022.
func (u *users) prepare(ctx context.Context, s *server) (err error) {
	u.scram = true
	u.active, err = u.db.PrepareContext(ctx, statement(s.active, u.scram))
	if is(err, unknownColumn) {
		u.scram = false
		u.active, err = u.db.PrepareContext(ctx, statement(s.active, u.scram))
	}
	if err != nil {
		return err
	}
	u.table = s.inactive
	return u.prepareInactive(ctx)
}

// prepareInactive prepares the statement for the inactive users, if they have a
// table.
func (u *users) prepareInactive(ctx context.Context) (err error) {
	u.inactive, err = u.db.PrepareContext(ctx, statement(u.table, u.scram))
	if is(err, unknownTable) {
		u.inactive, err = nil, nil
	}
	return err
}

func statement(table string, scram bool) string {
	more := ""
	if scram {
		more = ", scram"
	}
	return "SELECT pw_name, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell" + more +
		" FROM `" + strings.ReplaceAll(table, "`", "``") + "` WHERE pw_name = ? AND pw_domain = ?"
}

func is(err error, number uint16) bool {
	theirs, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && theirs.Number == number
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
