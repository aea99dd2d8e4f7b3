// SPDX-License-Identifier: ISC

package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/cf"
	"postloop/services/table/ldapurl"
	"postloop/services/table/worker"
)

// table is one table: a search in a directory.
type table struct {
	s       *worker.Settings
	name    string // in messages
	hosts   string // likewise
	servers []ldapurl.URL
	timeout time.Duration // for each step; 0: only the request's own limit

	base, filter *cf.Template
	scope        ldapurl.Scope
	results      cf.Results
	attributes
	recursion, size int // limits
	dereference     int
	chase           bool

	startTLS bool
	security
	bindDN string
	who    identity // nil: we do not say

	conn *connection // nil: there is none
}

// The library has this limit for all that it reads.
func init() { ber.MaxPacketLengthBytes = maxPacket }

// Open opens a table of the settings that services/table sends; they are those of
// ldap_table(5), with defaults and lists in a normal form.
func Open(s *worker.Settings) (worker.Table, error) {
	t := &table{
		s: s, name: s.String("name"), hosts: s.String("server_host"),
		timeout:    time.Duration(s.Int("timeout")) * time.Second,
		scope:      ldapurl.Scope(s.Int("scope")),
		attributes: newAttributes(s),
		recursion:  s.Int("recursion_limit"), size: s.Int("size_limit"),
		dereference: s.Int("dereference"), chase: s.Bool("chase_referrals"),
		startTLS: s.Bool("start_tls"),
		security: security{
			require: s.Bool("tls_require_cert"), caFile: s.String("tls_ca_cert_file"), caDir: s.String("tls_ca_cert_dir"),
			cert: s.String("tls_cert"), key: s.String("tls_key"),
		},
		bindDN: s.String("bind_dn"),
	}
	for _, text := range strings.Fields(t.hosts) {
		u, err := ldapurl.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		t.servers = append(t.servers, u)
	}
	if t.servers == nil {
		return nil, errors.New("there is no server")
	}
	for _, one := range []struct {
		name string
		to   **cf.Template
	}{{"search_base", &t.base}, {"query_filter", &t.filter}, {"result_format", &t.results.Format}} {
		var ok bool
		if *one.to, ok = cf.ParseTemplate(s.String(one.name)); !ok {
			return nil, fmt.Errorf("invalid template: %s", s.String(one.name))
		}
	}
	t.results.Limit = s.Int("expansion_limit")
	if err := t.parseSuites(s.String("tls_cipher_suite")); err != nil {
		return nil, err
	}
	switch s.String("bind") {
	case "simple":
		t.who = func(session *session) *failure { return session.simpleBind(t.bindDN, s.String("bind_pw")) }
	case "sasl":
		t.who = (&account{
			mechanisms: strings.Fields(s.String("sasl_mechs")),
			user:       t.bindDN, password: s.String("bind_pw"),
			realm: s.String("sasl_realm"), authz: s.String("sasl_authz_id"), strength: s.Int("sasl_minssf"),
			certificate: t.cert != "",
		}).saslBind
	}
	return t, nil
}

// Close closes the connection.
func (t *table) Close() {
	if t.conn != nil {
		t.conn.close()
		t.conn = nil
	}
}

// Lookup searches for key, and follows what the entries refer to.
func (t *table) Lookup(ctx context.Context, key string) (values []string, err error) {
	base, ok := t.base.Query(key, quoteDN)
	if !ok {
		return nil, nil
	}
	filter, ok := t.filter.Query(key, quoteFilter)
	if !ok {
		return nil, nil
	}
	l := &lookup{table: t, ctx: ctx, key: key}
	entries, err := l.search(base, t.scope, filter, t.all)
	f, ok := err.(*failure) //nolint:errorlint // others have their words already
	switch {
	case ok && f.code == noSuchObject && !t.base.Fixed():
		return nil, nil
	case ok && f.code == noSuchObject:
		return nil, worker.Refused{Err: fmt.Errorf("dict_ldap_lookup: %s: Search base '%s' not found: %d: %w", t.name, base, f.code, err)}
	case ok && f.code == badFilter: // whatever the key is
		return nil, worker.ConfigError{Err: searchError("dict_ldap_lookup: Search", err)}
	case err != nil:
		return nil, refused(searchError("dict_ldap_lookup: Search", err))
	}
	if err := l.take(entries, 1); err != nil {
		return nil, refused(err)
	}
	return l.values, nil
}

// lookup is one, while it goes on.
type lookup struct {
	*table
	ctx     context.Context
	key     string
	renewed bool // the connection was lost, and has been made anew
	values  []string
	usable  int // how many of them count
}

// search returns what is there. A connection that turns out to be dead is made
// anew once; after any other error there is none any more.
func (l *lookup) search(base string, scope ldapurl.Scope, filter string, attrs []string) ([]*goldap.Entry, error) {
	strict, err := strictFilter(filter)
	if err != nil {
		return nil, &failure{code: badFilter}
	}
	request := &goldap.SearchRequest{
		BaseDN: base, Scope: int(scope), DerefAliases: l.dereference, SizeLimit: l.size, EnforceSizeLimit: true,
		Filter: strict, Attributes: attrs,
	}
	for {
		if l.conn != nil && l.conn.IsClosing() {
			l.Close()
		}
		if l.conn == nil {
			if l.conn, err = l.connect(l.ctx); err != nil {
				return nil, err
			}
		}
		used := l.conn.used
		entries, err := l.run(l.conn, request, &trail{})
		f, failed := err.(*failure) //nolint:errorlint // others have their words already
		if err == nil || failed && f.code == noSuchObject {
			l.conn.used = true
			return entries, err
		}
		l.Close()
		if !failed || f.code != serverDown || !used || l.renewed {
			return nil, err
		}
		l.renewed = true
	}
}

// run does a search on one connection, and those that it refers to.
func (l *lookup) run(c *connection, request *goldap.SearchRequest, on *trail) ([]*goldap.Entry, error) {
	on.note(c.server, request)
	until := l.until(l.ctx)
	_ = c.raw.SetDeadline(until)
	request.TimeLimit = max(1, int(time.Until(until).Seconds()+0.999)) // beyond that nobody waits for the server
	result, err := c.Search(request)
	late := !time.Now().Before(until)
	_ = c.raw.SetDeadline(time.Time{})
	if err != nil {
		f := answered(err, late)
		if uris := referrals(err); l.chase && f.code == referral && len(uris) > 0 {
			return l.follow(c, uris, request, on)
		}
		return nil, f
	}
	entries := result.Entries
	if l.chase {
		for _, uri := range result.Referrals {
			more, err := l.follow(c, []string{uri}, request, on)
			if err != nil {
				return nil, err
			}
			entries = append(entries, more...)
		}
	}
	if l.size > 0 && len(entries) > l.size {
		return nil, &failure{code: overSize}
	}
	return entries, nil
}
