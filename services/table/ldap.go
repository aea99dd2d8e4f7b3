// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"postloop/services/table/cf"
	"postloop/services/table/ldapurl"
)

// openLdap opens ldap:/path/file, or with parameters in main.cf ldap:name.
func openLdap(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"ldap", "table-ldap", e.ldapSettings}, name, m)
}

// saslMechanisms are those that the worker has.
var saslMechanisms = []string{"DIGEST-MD5", "EXTERNAL", "PLAIN"}

// ldapSettings are those of ldap_table(5).
func (e *Env) ldapSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	s := &ldapReader{e: e, k: k, list: []string{"name", k.Name()}}
	s.hosts()
	s.number("timeout", 10, -1)
	s.version()
	base := s.template("search_base", "")
	s.scope()
	filter := s.template("query_filter", "(mailacceptinggeneralid=%s)")
	if filter != nil && filter.Fixed() {
		s.warnf("%s: Fixed query_filter %s is probably useless", k.Name(), filter)
	}
	format := s.text("result_format", "", 0)
	if format == "" {
		format = s.text("result_filter", "%s", 1)
	}
	k.Let("result_format", format)
	s.add("result_format", format)
	for _, attr := range []struct{ name, def string }{
		{"terminal_result_attribute", ""},
		{"leaf_result_attribute", ""},
		{"result_attribute", "maildrop"},
		{"special_result_attribute", ""},
	} {
		s.add(attr.name, strings.Join(words(s.text(attr.name, attr.def, 0)), " "))
	}
	s.bind()
	s.caches()
	s.number("recursion_limit", 1000, 1)
	expansion := s.number("expansion_limit", 0, 0)
	s.number("size_limit", expansion, 0)
	s.dereference()
	s.flag("chase_referrals")
	for _, name := range []string{"tls_ca_cert_file", "tls_ca_cert_dir", "tls_cert", "tls_key", "tls_cipher_suite"} {
		s.add(name, s.text(name, "", 0))
	}
	s.flag("start_tls")
	s.flag("tls_require_cert")
	return s.list, []*cf.Template{base, filter}, s.err
}

// ldapReader reads settings until one of them makes no sense.
type ldapReader struct {
	e    *Env
	k    *keyed
	list []string
	err  error
}

// warnf has something odd logged.
func (s *ldapReader) warnf(format string, args ...any) {
	if s.err == nil {
		s.e.Log.Warnf("dict_ldap_open: "+format, args...)
	}
}

// fail is for the first error.
func (s *ldapReader) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// add has the worker told.
func (s *ldapReader) add(name, value string) { s.list = append(s.list, name, value) }

// text, number, flag and template read a setting; the worker is told all but
// the first.
func (s *ldapReader) text(name, def string, least int) string {
	text, err := s.k.String(name, def, least)
	s.fail(err)
	return text
}

func (s *ldapReader) number(name string, def, least int) int {
	n, err := s.k.Int(name, def, least)
	s.fail(err)
	s.add(name, strconv.Itoa(n))
	return n
}

func (s *ldapReader) flag(name string) {
	on, err := s.k.Bool(name, false)
	s.fail(err)
	if on {
		s.add(name, "yes")
	}
}

func (s *ldapReader) template(name, def string) *cf.Template {
	t, err := s.k.Query(name, def)
	s.fail(err)
	if err == nil {
		s.add(name, t.String())
	}
	return t
}

// words are the members of a list.
func words(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(commaBlank, c) })
}

// hosts are the servers, as URLs.
func (s *ldapReader) hosts() {
	port, err := s.k.Int("server_port", 389, 0)
	s.fail(err)
	var urls []string
	for _, word := range words(s.text("server_host", "localhost", 1)) {
		text := word
		switch {
		case ldapurl.Is(word):
		case strings.Contains(word, ":"):
			text = "ldap://" + word
		default:
			text = fmt.Sprintf("ldap://%s:%d", word, port)
		}
		u, err := ldapurl.Parse(text)
		if err != nil {
			s.warnf("error parsing URL %s: %s; skipping", text, err)
			continue
		}
		urls = append(urls, u.Server())
	}
	if urls == nil {
		s.fail(fmt.Errorf("%s: server_host names no server", s.k.Name()))
	}
	s.add("server_host", strings.Join(urls, " "))
}

// version is 3, whatever is asked for.
func (s *ldapReader) version() {
	switch version, err := s.k.Int("version", 3, 2); {
	case err != nil:
		s.fail(err)
	case version == 2:
		s.warnf("%s version 2 is not known here, using 3.", s.k.Name())
	case version > 3:
		s.warnf("%s Unknown version %d, using 3.", s.k.Name(), version)
	}
}

// scope is how far the search goes.
func (s *ldapReader) scope() {
	text := s.text("scope", "sub", 1)
	scope, ok := ldapurl.ParseScope(text)
	if !ok || !slices.Contains([]string{"base", "one", "sub"}, strings.ToLower(text)) {
		s.warnf("%s: Unrecognized value %s specified for scope; using sub", s.k.Name(), text)
		scope = ldapurl.Sub
	}
	s.add("scope", strconv.Itoa(int(scope)))
}

// bind is how we say who we are.
func (s *ldapReader) bind() {
	how := strings.ToLower(s.text("bind", "yes", 1))
	switch how {
	case "yes":
		how = "simple"
	case "no":
		how = "none"
	case "none", "sasl", "simple":
	default:
		s.fail(fmt.Errorf("%s: unsupported parameter value: bind = %s", s.k.Name(), s.text("bind", "", 0)))
	}
	s.add("bind", how)
	for _, name := range []string{"bind_dn", "bind_pw"} {
		s.add(name, s.text(name, "", 0))
	}
	if how == "sasl" {
		s.sasl()
	}
}

func (s *ldapReader) sasl() {
	var known, others []string
	for _, name := range words(strings.ToUpper(s.text("sasl_mechs", "", 0))) {
		if slices.Contains(saslMechanisms, name) {
			known = append(known, name)
		} else {
			others = append(others, name)
		}
	}
	switch {
	case others == nil:
	case known == nil:
		s.fail(fmt.Errorf("%s: unsupported parameter value: sasl_mechs = %s; what there is: %s",
			s.k.Name(), strings.Join(others, " "), strings.Join(saslMechanisms, " ")))
	default:
		s.warnf("%s: sasl_mechs %s are not there, using %s", s.k.Name(), strings.Join(others, " "), strings.Join(known, " "))
	}
	s.add("sasl_mechs", strings.Join(known, " "))
	for _, name := range []string{"sasl_realm", "sasl_authz_id"} {
		s.add(name, s.text(name, "", 0))
	}
	s.number("sasl_minssf", 0, 0)
}

// caches are a thing of the past.
func (s *ldapReader) caches() {
	on, err := s.k.Bool("cache", false)
	s.fail(err)
	if on {
		s.warnf("%s ignoring cache", s.k.Name())
	}
	for _, name := range []string{"cache_expiry", "cache_size"} {
		n, err := s.k.Int(name, -1, math.MinInt32)
		s.fail(err)
		if n >= 0 {
			s.warnf("%s ignoring %s", s.k.Name(), name)
		}
	}
}

// dereference says when aliases are.
func (s *ldapReader) dereference() {
	n, err := s.k.Int("dereference", 0, math.MinInt32)
	s.fail(err)
	if n < 0 || n > 3 {
		s.warnf("%s Unrecognized value %d specified for dereference; using 0", s.k.Name(), n)
		n = 0
	}
	s.add("dereference", strconv.Itoa(n))
}
