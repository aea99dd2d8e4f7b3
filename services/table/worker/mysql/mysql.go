// SPDX-License-Identifier: ISC

// Package mysql is the driver of mysql: tables, for a worker: MySQL's and
// MariaDB's client protocol, without their library.
//
// # Order
//
// A connection is made when the table is asked something and there is none. Then
// the option files are read, so that they may change; the server is told the
// character set, and asked what it makes of a backslash, since that decides how a
// key is quoted. The query is sent as text, with the key in it, and its values
// come back as text: all columns of all rows. A CALL may have other results
// besides, but only one with rows.
//
// # Failures
//
// Errors are in the words of Postfix and of MariaDB's library. A server stops a
// query that takes longer than the requests that this process has had could have
// waited, so that one that is given up does not go on there for ever.
//
// # Limits
//
// Keys cannot be quoted in character sets where a quote or a backslash can be
// the second byte of something: big5, cp932, gb18030, gbk, sjis. The option files
// are read for the options below, and no others; one that would make a connection
// safer than it is here is an error.
//
// # See also
//
// mysql_table(5); package mycnf; package hosts for which server is asked.
package mysql

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"postloop/services/table/cf"
	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
)

// base is what the settings make of a table.
type base struct {
	*hosts.Client
	s     *worker.Settings
	name  string // of the table, in messages
	query *cf.Template

	longest time.Duration // that a request has had
}

// Open opens a table of the settings name, hosts, user, password, dbname, query,
// charset, idle_interval, retry_interval, require_result_set, option_file,
// option_group, and those that begin with tls_. What option files may say as well
// is empty if it is not set.
func Open(s *worker.Settings) (worker.Table, error) {
	query, ok := cf.ParseTemplate(s.String("query"))
	if !ok {
		return nil, fmt.Errorf("invalid query template: %s", s.String("query"))
	}
	b := &base{s: s, name: "mysql:" + s.String("name"), query: query}
	list := parseHosts(s.String("hosts"))
	b.Client = hosts.NewClient(list, seconds(s.Int("idle_interval")), seconds(s.Int("retry_interval")), b.dial, s.Warnf)
	return b, nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// Lookup runs the query for key.
func (b *base) Lookup(ctx context.Context, key string) (values []string, err error) {
	if until, ok := ctx.Deadline(); ok {
		b.longest = max(b.longest, time.Until(until))
	}
	return b.Client.Lookup(ctx, key)
}

// parseHosts reads a list of servers: unix:path, inet:host:port and host:port,
// where the port may be left out. localhost is a server whose socket is where
// such sockets are.
func parseHosts(list string) (servers []hosts.Host) {
	for word := range strings.FieldsSeq(list) {
		servers = append(servers, parseHost(word))
	}
	return servers
}

func parseHost(word string) hosts.Host {
	h := hosts.Host{Name: word}
	if h.Addr, h.Unix = strings.CutPrefix(word, "unix:"); h.Unix {
		if colon := strings.LastIndexByte(h.Addr, ':'); colon >= 0 && strings.Trim(h.Addr[colon:], ":0123456789") == "" {
			h.Addr = h.Addr[:colon] // a port, which Postfix takes and has no use for
		}
		return h
	}
	h.Addr = strings.TrimPrefix(word, "inet:")
	if _, err := netip.ParseAddr(h.Addr); err == nil {
		return h
	}
	if colon := strings.LastIndexByte(h.Addr, ':'); colon >= 0 && !strings.HasSuffix(h.Addr, "]") {
		h.Addr, h.Port = h.Addr[:colon], h.Addr[colon+1:]
	}
	h.Addr = strings.TrimSuffix(strings.TrimPrefix(h.Addr, "["), "]")
	if strings.EqualFold(h.Addr, "localhost") {
		h.Addr, h.Unix = "", true
	}
	return h
}
