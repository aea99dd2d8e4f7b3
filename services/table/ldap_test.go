// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
	"testing"

	"postloop/services/table/cf"
)

// TestLdapTold: what a worker is told for some settings, or why it is not.
func TestLdapTold(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ text, name, want string }{
		{"", "server_host", "ldap://localhost:389"},
		{"server_port = 1389", "server_host", "ldap://localhost:1389"},
		{"server_port = 1389\nserver_host = a, b:389\tldap://c [::1]:3 :4", "server_host", "ldap://a:1389 ldap://b:389 ldap://c ldap://[::1]:3 ldap://:4"},
		{"server_host = LDAPS://h:636/dc=x?y <ldapi://%2Frun%2Fs> ldapi:///run/s URL:ldap://h", "server_host", "ldaps://h:636 ldapi://%2Frun%2Fs ldapi:// ldap://h"},
		{"", "timeout", "10"},
		{"", "scope", "2"},
		{"scope = One", "scope", "1"},
		{"scope = BASE", "scope", "0"},
		{"", "query_filter", "(mailacceptinggeneralid=%s)"},
		{"", "result_attribute", "maildrop"},
		{"result_attribute =", "result_attribute", ""},
		{"special_result_attribute = a,b\n  c", "special_result_attribute", "a b c"},
		{"", "result_format", "%s"},
		{"result_format =\nresult_filter = <%s>", "result_format", "<%s>"},
		{"result_format = [%s]\nresult_filter = <%s>", "result_format", "[%s]"},
		{"", "bind", "simple"},
		{"bind = NO", "bind", "none"},
		{"bind = Sasl\nsasl_mechs = external,plain", "sasl_mechs", "EXTERNAL PLAIN"},
		{"bind = sasl", "sasl_mechs", ""},
		{"sasl_mechs = GSSAPI", "sasl_mechs", "(not told)"},
		{"bind_pw = a $b c", "bind_pw", "a $b c"},
		{"", "size_limit", "0"},
		{"expansion_limit = 5", "size_limit", "5"},
		{"expansion_limit = 5\nsize_limit = 0", "size_limit", "0"},
		{"", "recursion_limit", "1000"},
		{"dereference = 3", "dereference", "3"},
		{"start_tls = yes", "start_tls", "yes"},
		{"tls_require_cert = no", "tls_require_cert", "(not told)"},
		{"server_host =", "", "t.cf: bad string length 0 < 1: server_host = "},
		{"server_host = ,", "", "t.cf: server_host names no server"},
		{"bind = maybe", "", "t.cf: unsupported parameter value: bind = maybe"},
		{"bind = sasl\nsasl_mechs = ntlm", "", "t.cf: unsupported parameter value: sasl_mechs = NTLM; what there is: DIGEST-MD5 EXTERNAL PLAIN"},
		{"version = 1", "", "t.cf: invalid version parameter value 1 < 2"},
		{"version = 1\nbind = maybe", "", "t.cf: invalid version parameter value 1 < 2"},
	} {
		s, _, err := cf.Parse("t.cf", strings.NewReader(row.text+"\n"))
		w.must(err)
		list, _, err := w.ldapSettings(&keyed{Settings: s})
		got := "(not told)"
		for i := 0; i+1 < len(list) && err == nil; i += 2 {
			if list[i] == row.name {
				got = list[i+1]
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%q: %s: got %q, want %q", row.text, row.name, got, row.want)
		}
	}
	if len(w.log) > 0 {
		t.Error(w.log)
	}
}

// TestLdapOdd: what is odd in settings, and done otherwise.
func TestLdapOdd(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]string{
		"version = 2":                              "t.cf version 2 is not known here, using 3.",
		"version = 4":                              "t.cf Unknown version 4, using 3.",
		"scope = subtree":                          "t.cf: Unrecognized value subtree specified for scope; using sub",
		"dereference = -1":                         "t.cf Unrecognized value -1 specified for dereference; using 0",
		"cache = yes\ncache_size = -1":             "t.cf ignoring cache",
		"cache = no\ncache_expiry = 5":             "t.cf ignoring cache_expiry",
		"query_filter = (a=b)":                     "t.cf: Fixed query_filter (a=b) is probably useless",
		"server_host = ldap://x:y z":               "error parsing URL ldap://x:y: bad port; skipping",
		"bind = sasl\nsasl_mechs = EXTERNAL NTLM":  "t.cf: sasl_mechs NTLM are not there, using EXTERNAL",
		"bind = sasl\nsasl_mechs = LOGIN, PLAIN x": "t.cf: sasl_mechs LOGIN X are not there, using PLAIN",
	} {
		s, _, err := cf.Parse("t.cf", strings.NewReader(text+"\n"))
		w.must(err)
		if _, _, err := w.ldapSettings(&keyed{Settings: s}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		w.logged("warning: " + fmt.Sprint("dict_ldap_open: ", want))
	}
}
