// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
	"postloop/master/maillog"
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
	s := &ldapReader{settingsReader{keyed: k}, e.Log}
	s.add("name", k.Name())
	s.hosts()
	s.addNumber("timeout", 10, -1)
	s.version()
	base, err := k.Query("search_base", "")
	s.addTemplate("search_base", base, err)
	s.scope()
	filter, err := k.Query("query_filter", "(mailacceptinggeneralid=%s)")
	s.addTemplate("query_filter", filter, err)
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
		s.add(attr.name, strings.Join(cfg.SplitList(s.text(attr.name, attr.def, 0)), " "))
	}
	s.bind()
	s.caches()
	s.addNumber("recursion_limit", 1000, 1)
	expansion := s.addNumber("expansion_limit", 0, 0)
	s.addNumber("size_limit", expansion, 0)
	s.dereference()
	s.addIfYes("chase_referrals")
	for _, name := range []string{"tls_ca_cert_file", "tls_ca_cert_dir", "tls_cert", "tls_key", "tls_cipher_suite"} {
		s.addText(name, "", 0)
	}
	s.addIfYes("start_tls")
	s.addIfYes("tls_require_cert")
	return s.done(base, filter)
}

// ldapReader is about those of them that are more than a text or a number.
type ldapReader struct {
	settingsReader
	log *maillog.Logger
}

// warnf has something odd logged.
func (s *ldapReader) warnf(format string, args ...any) {
	if s.err == nil {
		s.log.Warnf("dict_ldap_open: "+format, args...)
	}
}

// addIfYes has the worker told of a setting that is on.
func (s *ldapReader) addIfYes(name string) {
	if s.flag(name, false) {
		s.add(name, "yes")
	}
}

// hosts are the servers, as URLs.
func (s *ldapReader) hosts() {
	port := s.number("server_port", 389, 0)
	var urls []string
	for _, word := range cfg.SplitList(s.text("server_host", "localhost", 1)) {
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
		s.fail(fmt.Errorf("%s: server_host names no server", s.Name()))
	}
	s.add("server_host", strings.Join(urls, " "))
}

// version is 3, whatever is asked for.
func (s *ldapReader) version() {
	switch version, err := s.Int("version", 3, 2); {
	case err != nil:
		s.fail(err)
	case version == 2:
		s.warnf("%s version 2 is not known here, using 3.", s.Name())
	case version > 3:
		s.warnf("%s Unknown version %d, using 3.", s.Name(), version)
	}
}

// scope is how far the search goes.
func (s *ldapReader) scope() {
	text := s.text("scope", "sub", 1)
	scope, ok := ldapurl.ParseScope(text)
	if !ok || !slices.Contains([]string{"base", "one", "sub"}, strings.ToLower(text)) {
		s.warnf("%s: Unrecognized value %s specified for scope; using sub", s.Name(), text)
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
		s.fail(fmt.Errorf("%s: unsupported parameter value: bind = %s", s.Name(), s.text("bind", "", 0)))
	}
	s.add("bind", how)
	for _, name := range []string{"bind_dn", "bind_pw"} {
		s.addText(name, "", 0)
	}
	if how == "sasl" {
		s.sasl()
	}
}

func (s *ldapReader) sasl() {
	var known, others []string
	for _, name := range cfg.SplitList(strings.ToUpper(s.text("sasl_mechs", "", 0))) {
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
			s.Name(), strings.Join(others, " "), strings.Join(saslMechanisms, " ")))
	default:
		s.warnf("%s: sasl_mechs %s are not there, using %s", s.Name(), strings.Join(others, " "), strings.Join(known, " "))
	}
	s.add("sasl_mechs", strings.Join(known, " "))
	for _, name := range []string{"sasl_realm", "sasl_authz_id"} {
		s.addText(name, "", 0)
	}
	s.addNumber("sasl_minssf", 0, 0)
}

// caches are a thing of the past.
func (s *ldapReader) caches() {
	if s.flag("cache", false) {
		s.warnf("%s ignoring cache", s.Name())
	}
	for _, name := range []string{"cache_expiry", "cache_size"} {
		if s.number(name, -1, math.MinInt32) >= 0 {
			s.warnf("%s ignoring %s", s.Name(), name)
		}
	}
}

// dereference says when aliases are.
func (s *ldapReader) dereference() {
	n := s.number("dereference", 0, math.MinInt32)
	if n < 0 || n > 3 {
		s.warnf("%s Unrecognized value %d specified for dereference; using 0", s.Name(), n)
		n = 0
	}
	s.add("dereference", strconv.Itoa(n))
}
