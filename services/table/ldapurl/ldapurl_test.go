// SPDX-License-Identifier: ISC

package ldapurl_test

import (
	"fmt"
	"strings"
	"testing"

	"postloop/services/table/ldapurl"
)

// TestParse: what the real client made of these, as values and as servers.
func TestParse(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"ldap://", "ldap||0||[]|-1|"},
		{"ldap:///", "ldap||0||[]|-1|"},
		{"ldap://h", "ldap|h|0||[]|-1|"},
		{"LDAPS://h:636/", "ldaps|h|636||[]|-1|"},
		{"ldap://:389", "ldap||389||[]|-1|"},
		{"ldap://[::1]:389/dc=x", "ldap|::1|389|dc=x|[]|-1|"},
		{"ldap://[::1]", "ldap|::1|0||[]|-1|"},
		{"ldapi://%2Frun%2Fs", "ldapi|/run/s|0||[]|-1|"},
		{"ldapi:///run/s", "ldapi||0|run/s|[]|-1|"},
		{"pldap://h/", "ldap|h|0||[]|-1|"},
		{"<ldap:///cn=a>", "ldap||0|cn=a|[]|-1|"},
		{"<url:ldap:///cn=a>", "ldap||0|cn=a|[]|-1|"},
		{"URL:ldap:///cn=a", "ldap||0|cn=a|[]|-1|"},
		{"ldap:///cn=a%2Cb", "ldap||0|cn=a,b|[]|-1|"},
		{"ldap:///cn=a%zz", "ldap||0||[]|-1|"},
		{"ldap:///cn=a+b", "ldap||0|cn=a+b|[]|-1|"},
		{"ldap:///cn=a?", "ldap||0|cn=a|[]|-1|"},
		{"ldap:///cn=a?mail,,cn;x?SUB?(a=*)", "ldap||0|cn=a|[mail cn;x]|2|(a=*)"},
		{"ldap:///cn=a?mail%2Ccn??%28a=b%29", "ldap||0|cn=a|[mail cn]|-1|(a=b)"},
		{"ldap:///cn=a?,?base?", "ldap||0|cn=a|[]|0|"},
		{"ldap:///cn=a??subtree??!x", "ldap||0|cn=a|[]|2|"},
		{"ldap:///cn=a??onelevel?x=y?ext", "ldap||0|cn=a|[]|1|x=y"},
		{"ldap:///cn=a??children", "ldap||0|cn=a|[]|3|"},
		{"ldap://h?mail?sub", "ldap|h|0||[]|-1|"},
		{"ldap:///cn=a??bogus", "bad scope"},
		{"ldap:///cn=a????", "empty extensions"},
		{"ldap:///cn=a????x?y", "too many parts"},
		{"<ldap:///cn=a", "no > at the end"},
		{"ldap://h:x", "bad port"},
		{"ldap://h:", "bad port"},
		{"ldap://h:65536", "bad port"},
		{"ldap://[::1", "bad host"},
		{"ldap://[::1]x", "bad host"},
		{"ldap:cn=a", "not an LDAP URL"},
		{"http://h", "not an LDAP URL"},
		{"cldap://h", "not an LDAP URL"},
		{"", "not an LDAP URL"},
	} {
		u, err := ldapurl.Parse(row.text)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s|%s|%d|%s|%v|%d|%s", u.Scheme, u.Host, u.Port, u.DN, u.Attrs, u.Scope, u.Filter)
		}
		if got != row.want {
			t.Errorf("%q: got %s, want %s", row.text, got, row.want)
		}
		if is := ldapurl.Is(row.text); is == (row.want == "not an LDAP URL") {
			t.Errorf("Is(%q) = %v", row.text, is)
		}
	}
}

func TestServer(t *testing.T) {
	for _, text := range []string{"ldap://h", "ldaps://h:636", "ldap://[::1]:389", "ldapi://%2Frun%2Fs", "ldap://"} {
		u, err := ldapurl.Parse(text)
		if err != nil || u.Server() != text {
			t.Errorf("%s: got %s, %v", text, u.Server(), err)
		}
	}
}

// FuzzParse: a server's URL names the same server.
func FuzzParse(f *testing.F) {
	f.Add("ldap://[::1]:389/dc=x?a,b?sub?(a=b)?x")
	f.Add("<URL:ldapi://%2Frun%2Fs/>")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ldapurl.Parse(text)
		if err != nil {
			return
		}
		if !ldapurl.Is(text) {
			t.Fatalf("%q is none", text)
		}
		if strings.ContainsAny(u.Host, "[]/?%") && u.Scheme != "ldapi" {
			return // no server has such a name
		}
		again, err := ldapurl.Parse(u.Server())
		if err != nil || again.Scheme != u.Scheme || again.Host != u.Host || again.Port != u.Port {
			t.Fatalf("%q: %+v became %+v, %v", text, u, again, err)
		}
	})
}
