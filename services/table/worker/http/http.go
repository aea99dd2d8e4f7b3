// SPDX-License-Identifier: ISC

// Package http is the driver of http: tables, for a worker: what is there for a
// key is what a web server answers to a GET.
//
// There is one connection, which is kept as long as the server keeps it. It
// carries one request at a time, in HTTP/1.1, and no proxy of the environment is
// asked. A connection over which anything has come that was not asked for, or less
// than was told, is not used again; and no answer is taken for a whole one that
// does not say where it ends.
//
// # Failures
//
// 404, 410 and 204 are "not there". That the server does not let us in, or sends
// us elsewhere, or cannot understand the request, is an error of the configuration,
// and so is an answer without the form that the settings say. All else is "not
// now".
//
// # See also
//
// RFC 9110, RFC 9112; docs/tables.md.
package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	"postloop/services/table/cf"
	"postloop/services/table/worker"
)

// site is one table.
type site struct {
	name      string // of the table, in messages
	address   cf.URL
	socket    string // where the server is, if not where the address says
	json      bool
	member    []string
	header    nethttp.Header // of each request
	host      string         // named in it; empty: that of the address
	timeout   time.Duration
	limit     int64 // of what is in an answer
	redirects int
	tls       *tls.Config
	link      *link // nil: not connected
}

// Open opens a table of the settings in docs/tables.md; of the files, it is told
// the contents.
func Open(s *worker.Settings) (worker.Table, error) {
	address, err := cf.ParseURL(s.String("url"))
	if err != nil {
		return nil, fmt.Errorf("%w: url = %s", err, s.String("url"))
	}
	member, ok := cf.ParseMember(s.String("member"))
	if !ok {
		return nil, fmt.Errorf("no way to a member: %s", s.String("member"))
	}
	t := &site{
		name: s.String("name"), address: address, socket: s.String("socket"),
		json: s.String("format") == "json", member: member, header: nethttp.Header{"User-Agent": {"postloop"}, "Accept": {"text/plain, */*;q=0.5"}, "Accept-Encoding": {"identity"}},
		timeout: time.Duration(s.Int("timeout")) * time.Second, limit: int64(s.Int("data_size_limit")), redirects: s.Int("max_redirects"),
	}
	if t.json {
		t.header.Set("Accept", "application/json")
	}
	for line := range strings.SplitSeq(s.String("headers"), "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(name, "Host") {
			t.host = value
		} else if ok {
			t.header.Set(name, value)
		}
	}
	if user := s.String("user"); user != "" {
		r := nethttp.Request{Header: t.header}
		r.SetBasicAuth(user, s.String("password"))
	}
	return t, t.trust(s)
}

// trust says which servers are believed, and as whom.
func (t *site) trust(s *worker.Settings) error {
	t.tls = &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: s.String("tls_server_name"),
		InsecureSkipVerify: !s.Bool("tls_verify_cert"), //nolint:gosec // if that is asked for
	}
	if text := s.String("tls_CAfile"); text != "" {
		t.tls.RootCAs = x509.NewCertPool()
		if !t.tls.RootCAs.AppendCertsFromPEM([]byte(text)) {
			return errors.New("no certificate in tls_CAfile")
		}
	}
	if text := s.String("tls_cert_file"); text != "" {
		pair, err := tls.X509KeyPair([]byte(text), []byte(s.String("tls_key_file")))
		if err != nil {
			return fmt.Errorf("tls_cert_file, tls_key_file: %w", err)
		}
		t.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// Close closes the connection.
func (t *site) Close() { t.drop() }

func (t *site) drop() {
	if t.link != nil {
		t.link.close()
		t.link = nil
	}
}

// Lookup asks the server for key.
func (t *site) Lookup(ctx context.Context, key string) (values []string, err error) {
	address, ok := t.address.Address(key)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	values, err = t.get(ctx, address)
	if err == nil {
		return values, nil
	}
	text := fmt.Errorf("http:%s: query failed for key '%s': %.300s", t.name, key, err.Error()) // which may be the server's text
	if _, ok := errors.AsType[worker.ConfigError](err); ok {
		return nil, worker.ConfigError{Err: text}
	}
	if _, ok := errors.AsType[worker.Refused](err); ok {
		return nil, worker.Refused{Err: text}
	}
	return nil, text
}

// lasting is an error that will be there next time, too.
func lasting(format string, args ...any) error {
	return worker.ConfigError{Err: fmt.Errorf(format, args...)}
}

// get returns what is at an address, or where that leads to.
func (t *site) get(ctx context.Context, at *url.URL) ([]string, error) {
	for left := t.redirects; ; left-- {
		a, err := t.exchange(ctx, at)
		if err != nil {
			return nil, err
		}
		switch code := a.code; {
		case code == nethttp.StatusOK:
			return t.values(a)
		case code == nethttp.StatusNoContent, code == nethttp.StatusNotFound, code == nethttp.StatusGone:
			return nil, nil
		case code == nethttp.StatusInternalServerError: // with another key it may be well
			return nil, worker.Refused{Err: fmt.Errorf("the server answers %s", spell(code))}
		case code == nethttp.StatusRequestTimeout, code == nethttp.StatusTooEarly, code == nethttp.StatusTooManyRequests, code >= 500, code < 300:
			return nil, fmt.Errorf("the server answers %s", spell(code))
		case a.location == "":
			return nil, lasting("the server answers %s", spell(code))
		case left == 0:
			return nil, lasting("the server answers %s, once more than max_redirects allows", spell(code))
		}
		to, err := at.Parse(a.location)
		if err != nil || to.Scheme != at.Scheme || to.Host != at.Host {
			return nil, lasting("the server answers %s, and names another one: %.200q", spell(a.code), a.location)
		}
		to.User, to.Fragment = nil, ""
		at = to
	}
}

// values are those in an answer.
func (t *site) values(a answer) ([]string, error) {
	var list []string
	if t.json {
		found, err := find(a.body, t.member)
		if err != nil {
			return nil, err
		}
		list = found
	} else {
		list = lines(string(a.body))
	}
	kept, empty := list[:0], false
	for _, value := range list {
		if strings.Contains(value, "\x00") {
			return nil, worker.Refused{Err: errors.New("a null byte in the answer")}
		}
		if value != "" || !empty { // each empty one would be a line in the log
			kept = append(kept, value)
		}
		empty = empty || value == ""
	}
	return kept, nil
}

// lines are the values of a text.
func lines(text string) []string {
	list := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], "\r")
	}
	return list
}

// spell is a status in words of ours.
func spell(code int) string {
	return strings.TrimSuffix(fmt.Sprintf("%d %s", code, nethttp.StatusText(code)), " ")
}
