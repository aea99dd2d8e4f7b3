// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"strings"
	"testing"

	"postloop/internal/dbtest"
)

// TestLdapSettings: what is odd in the settings, wrong in a search, or not there,
// in the same words.
func TestLdapSettings(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	s := dbtest.StartSlapd(t, ldapSchema, "", ldapTop+
		ldapEntry("one", "dc=example", "k", "one", "v", "one@x", "mailacceptinggeneralid", "one", "maildrop", "drop@x", "number", "7", "description", "a b(c)*")+
		ldapEntry("two", "dc=example", "k", "one two", "v", "two@x", "number", "12"), nil)
	var list []*ldapQuestion
	for _, settings := range []string{
		"version = 3", "version = 9", "scope = bogus", "scope = ONE", "scope = base", "dereference = 4", "dereference = 3", "dereference = -1",
		"bind = no", "bind = none", "bind = simple", "bind = Yes", "cache = yes", "cache_expiry = 3", "cache_size = 7", "chase_referrals = yes",
		"result_format = ", "result_filter = <%s>", "query_filter = ((", "query_filter = cn=one", "query_filter = (&(k=%s)", "domain = x",
		"search_base = dc=nosuch", "search_base = cn=%s,dc=nosuch", "search_base = %%", "search_base = ", "size_limit = 1", "sasl_mechs = x",
		"query_filter = (cn=*)\nsize_limit = 1", "query_filter = (cn=*)\nexpansion_limit = 1\nsize_limit = 0", "tls_cipher_suite = HIGH",
		"bind_dn = cn=root,dc=example\nbind_pw = root's password", "bind_dn = cn=root,dc=example\nbind_pw = wrong", "bind_dn = cn=root,dc=example",
		"server_port = " + s.Port + "\nserver_host = 127.0.0.1", "server_host = 127.0.0.1:" + s.Port, "server_host = :" + s.Port, "server_host = 127.0.0.1:1",
		"server_host = 127.0.0.1:1, 127.0.0.1:" + s.Port, "server_host = ldap://127.0.0.1:1 " + s.URL(), "server_host = " + s.Socket + "/", "server_host = ldapi://%2Fnosuch",
		"server_host = ldapi:///nosuch, <" + s.URL() + "/dc=foo>", "server_host = 127.0.0.1:1\nbind = no", "server_host = ldap://127.0.0.1:x " + s.URL(), "server_host = nosuchhost.invalid",
		"start_tls = yes", "server_host = " + s.TLSURL(), "debuglevel = 0",
	} {
		list = append(list, &ldapQuestion{ref: ldapFile(w, s, strings.Split(settings, "\n")...), key: "one", what: settings})
	}
	// What is refused is refused in the same words.
	for _, settings := range []string{
		"version = 1", "version = x", "bind = bogus", "start_tls = x", "chase_referrals = 1", "timeout = x", "size_limit = x", "recursion_limit = 0",
		"query_filter = %x", "search_base = %x", "result_format = %x", "tls_require_cert = x", "server_host = ", "server_port = x", "scope = ", "result_filter = ",
	} {
		ref := ldapFile(w, s, settings)
		_, err := w.Open(ref, ReadOnly, 0)
		_, _, warnings := p.one(ref, "one")
		text := strings.TrimPrefix(strings.Join(warnings, "\n"), "fatal: ")
		if err == nil || !strings.HasSuffix(text, err.Error()) {
			t.Errorf("%s: we say %v, postmap %s", settings, err, text)
		}
	}
	// Ours alone.
	for settings, want := range map[string]string{
		"server_host = ldap://x:y, ldap://[x":   "server_host names no server",
		"bind = sasl\nsasl_mechs = GSSAPI":      "unsupported parameter value: sasl_mechs = GSSAPI; what there is: DIGEST-MD5 EXTERNAL PLAIN",
		"size_limit = -1":                       "invalid size_limit parameter value -1 < 0",
		"expansion_limit = -1":                  "invalid expansion_limit parameter value -1 < 0",
		"bind = sasl\nsasl_minssf = -1":         "invalid sasl_minssf parameter value -1 < 0",
		"bind = sasl\nsasl_mechs = NTLM, LOGIN": "sasl_mechs = NTLM LOGIN",
	} {
		if _, err := w.Open(ldapFile(w, s, strings.Split(settings, "\n")...), ReadOnly, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
	w.log = nil
	w.expect(w.ask(w.open(ldapFile(w, s, "version = 2")), "one"), Answer{Value: "one@x"})
	if text := w.logged(); !strings.Contains(text, "version 2 is not known here, using 3") {
		t.Error(text)
	}
	w.expect(w.ask(w.open(ldapFile(w, s, "tls_cipher_suite = BOGUS", "start_tls = yes")), "one"), tryAgain)
	if text := w.logged(); !strings.Contains(text, "tls_cipher_suite: BOGUS is not known here") {
		t.Error(text)
	}
	// Filters, as they are written in files of settings.
	for _, filter := range []string{
		"k=%s", "(k=%s)", " ( k=%s )", "(k= %s)", "(&(k=%s))", "( & (k=%s) )", "(& (k=%s) (cn=*) )", "(|(k=%s)(k=x))", "(!(k=%s))", "(! (k=%s) )", "(&(!(k=%s))(cn=*))",
		"&(k=%s)", "(k=%s", "k=%s)", "(k=%s))", "(k=%s)(cn=*)", "((k=%s))", "(k=%s*)", "(k=*%s*)", "(k=o*%s)", "(k=**%s)", "(K=%s)", "(1.3.6.1.4.1.55555.1.1=%s)",
		"(number>=8)", "(number<=8)", "(number~=7)", "(number=7)", "(cn:caseIgnoreMatch:=%s)", "(cn:dn:=%s)", "(:caseIgnoreMatch:=%s)", "(cn:=%s)", "(nosuch=%s)",
		`(description=a b\28c\29\2a)`, `(description=a b\(c\)\*)`, `(description=a b(c)*)`, `(description=a\20b\28c\29\2A)`, `(k=\6fne)`, `(k=\6)`, `(k=\xx)`, `(k=\`,
		"(&)", "(|)", "(!)", "()", "(", ")", "(k)", "(=%s)", "(k%s)", "k", "%s", "(&k=%s)", "(!(k=%s)(cn=*))", "(k=%s)x", "(k;lang-de=%s)", "(k =%s)", "(objectclass=thing)",
	} {
		list = append(list, &ldapQuestion{ref: ldapFile(w, s, "query_filter = "+filter), key: "one", what: filter})
	}
	ldapSame(p, list)
}

// ldapSecrets has accounts, and an attribute that each may read of the entry that
// is named like it.
const ldapSecrets = `sasl-secprops none
sasl-realm example
authz-policy to
authz-regexp uid=([^,]*),cn=.*,cn=auth cn=$1,dc=example
authz-regexp gidNumber=.*uidNumber=.*,cn=peercred,cn=external,cn=auth cn=local,dc=example
authz-regexp cn=client,o=certificates cn=certified,dc=example
password-hash {CLEARTEXT}
`

const ldapAccess = `access to dn.regex="^cn=secret-([^,]*),dc=example$" attrs=v by dn.exact,expand="cn=$1,dc=example" read by * none
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`

// ldapTLS is a server's part of the settings of TLS.
const ldapTLS = "TLSCACertificateFile @DIR@/ca.pem\nTLSCertificateFile @DIR@/server.pem\nTLSCertificateKeyFile @DIR@/server.key\nTLSVerifyClient try\n"

// TestLdapTLS: certificates that are good, or not, and encryption that is wanted.
func TestLdapTLS(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	var dir string
	s := dbtest.StartSlapd(t, ldapSchema+ldapTLS, "security ssf=64", ldapTop+ldapEntry("one", "dc=example", "k", "one", "v", "one@x"), func(d string) {
		dir = d
		ca := dbtest.NewAuthority(t, dir, "ca")
		ca.Issue("server", &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
		ca.Issue("client", &x509.Certificate{Subject: pkix.Name{CommonName: "client"}})
		dbtest.NewAuthority(t, dir, "other")
		w.must(os.Mkdir(dir+"/certs", 0o755))
		text, err := os.ReadFile(dir + "/ca.pem")
		w.must(err)
		w.must(os.WriteFile(dir+"/certs/any", text, 0o644))
	})
	ca, require := "\ntls_ca_cert_file = "+dir+"/ca.pem", "\ntls_require_cert = yes"
	ldaps, far := "server_host = "+s.TLSURL(), "server_host = ldaps://127.0.0.2:"+s.TLSPort
	var list []*ldapQuestion
	for _, settings := range []string{
		"bind = no", // the server wants better
		"start_tls = yes", "start_tls = yes" + require, "start_tls = yes" + ca + require, "start_tls = yes" + require + "\ntls_ca_cert_file = " + dir + "/other.pem",
		ldaps, ldaps + require, ldaps + ca + require, ldaps + require + "\ntls_ca_cert_file = " + dir + "/other.pem",
		far, far + ca + require, // not the name of the certificate
		ldaps + "\nstart_tls = yes",
		ldaps + "\ntls_cert = " + dir + "/client.pem\ntls_key = " + dir + "/client.key",
		"server_host = ldaps://127.0.0.1:1 " + s.TLSURL() + ca + require,
		far + " " + s.TLSURL() + ca + require, // the first is not to be trusted
	} {
		list = append(list, &ldapQuestion{ref: ldapFile(w, s, strings.Split(settings, "\n")...), key: "one", what: settings})
	}
	ldapSame(p, list)
	for name, to := range map[string]string{"tls": s.TLSURL(), "plain": "ldap://localhost:" + s.Port} {
		s.Modify("dn: cn=" + name + ",dc=example\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\ncn: " + name + "\nref: " + to + "/cn=one,dc=example\n")
	}
	// Without postmap, whose library does it another way.
	for _, row := range []struct{ settings, want, log string }{
		{ldaps + "\ntls_ca_cert_dir = " + dir + "/certs" + require, "one@x", ""},
		{"server_host = ldaps://localhost:" + s.TLSPort + ca + require, "one@x", ""},
		{ldaps + "\ntls_ca_cert_dir = /nosuch" + require, "", "Unable to set tls_ca_cert_dir to /nosuch: open /nosuch: no such file or directory"},
		{ldaps + "\ntls_ca_cert_file = /dev/null" + require, "", "Unable to set tls_ca_cert_file to /dev/null: no certificate in it"},
		{ldaps + "\ntls_cert = /nosuch\ntls_key = /nosuch", "", "Unable to set tls_cert to /nosuch: open /nosuch: no such file or directory"},
		{ldaps + ca + require + "\ntls_cipher_suite = ECDHE-ECDSA-AES256-GCM-SHA384:!aNULL", "one@x", ""},
		{ldaps + ca + require + "\ntls_cipher_suite = HIGH:!3DES", "one@x", ""},
		{"chase_referrals = yes\nstart_tls = yes" + ca + require + "\nsearch_base = cn=tls,dc=example", "one@x", ""},
		{"chase_referrals = yes\nstart_tls = yes" + ca + require + "\nsearch_base = cn=plain,dc=example", "one@x", ""}, // and encrypted there, too
		{far + ca + require, "", "(Can't contact LDAP server): x509: certificate is valid for 127.0.0.1, not 127.0.0.2"},
	} {
		w.log = nil
		a := w.ask(w.open(ldapFile(w, s, strings.Split(row.settings, "\n")...)), "one")
		if log := w.logged(); a.Value != row.want || (a.Status == OK) != (row.want != "") || !strings.Contains(log, row.log) || row.log == "" && log != "" {
			t.Errorf("%s: got %+v, %s", row.settings, a, log)
		}
	}
}

// TestLdapIdentity: by each way to say who one is, one is who one is.
func TestLdapIdentity(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	const password = `user's "password\`
	ldif := ldapTop
	for _, name := range []string{"local", "certified", "user", "other"} {
		account := ldapEntry(name, "dc=example", "userPassword", password)
		if name == "user" {
			account = strings.TrimSuffix(account, "\n") + "authzTo: dn.exact:cn=other,dc=example\n\n"
		}
		ldif += account + ldapEntry("secret-"+name, "dc=example", "k", name, "v", "is "+name)
	}
	var dir string
	s := dbtest.StartSlapd(t, ldapSchema+ldapSecrets+ldapTLS, ldapAccess, ldif, func(d string) {
		dir = d
		ca := dbtest.NewAuthority(t, dir, "ca")
		ca.Issue("server", &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}})
		ca.Issue("client", &x509.Certificate{Subject: pkix.Name{Organization: []string{"certificates"}, CommonName: "client"}})
	})
	const (
		sasl     = "bind = sasl\nsasl_mechs = "
		user     = "\nbind_dn = user\nbind_pw = " + password
		simple   = "bind_dn = cn=user,dc=example\nbind_pw = " + password
		startTLS = "\nstart_tls = yes"
		refused  = "Unable to bind to server "
	)
	local, certificate := "\nserver_host = "+s.Socket, startTLS+"\ntls_cert = "+dir+"/client.pem\ntls_key = "+dir+"/client.key"
	trusted := startTLS + "\ntls_require_cert = yes\ntls_ca_cert_file = " + dir + "/ca.pem\nserver_host = ldap://"
	for _, row := range []struct {
		settings, is, log string
		real              bool // postmap can do that as well
	}{
		{"bind = yes", "", "", true},
		{"bind = no", "", "", true},
		{simple, "user", "", true},
		{"bind_dn = cn=user,dc=example\nbind_pw = wrong", "", refused, true},
		{sasl + "EXTERNAL" + local, "local", "", true},
		{sasl + local, "local", "", false}, // postmap asks somebody for a password
		{sasl + "EXTERNAL" + certificate, "certified", "", true},
		{sasl + certificate, "certified", "", false},
		{sasl + "EXTERNAL", "", "-6 (Unknown authentication method)", true},
		{sasl + "external, digest-md5" + user, "user", "", false},
		{sasl + "DIGEST-MD5" + user, "user", "", true},
		{sasl + "DIGEST-MD5" + user + "\nsasl_realm = example", "user", "", true},
		{sasl + "DIGEST-MD5" + user + "\nsasl_authz_id = u:other", "other", "", true},
		{sasl + "DIGEST-MD5" + user + "\nsasl_authz_id = u:local", "", refused, true},
		{sasl + "DIGEST-MD5" + user + startTLS, "user", "", true},
		{sasl + "DIGEST-MD5" + user + "\nsasl_minssf = 1", "", "sasl_minssf is 1, and the connection has 0", false}, // it has protection of its own there
		{sasl + "DIGEST-MD5" + user + startTLS + "\nsasl_minssf = 128", "user", "", true},
		{sasl + "DIGEST-MD5\nbind_dn = user\nbind_pw = wrong", "", "49 (Invalid credentials)", true},
		{sasl + "PLAIN" + user, "", "Password verification failed", true}, // it asks a saslauthd that is not there
		{sasl + user, "user", "", false},
		{sasl + "GSSAPI DIGEST-MD5" + user, "user", "sasl_mechs GSSAPI are not there, using DIGEST-MD5", false},
		{simple + trusted + "127.0.0.1:" + s.Port, "", "x509: ", false},
		{simple + trusted + "localhost:" + s.Port, "user", "", false}, // named in the way of old
	} {
		ref := ldapFile(w, s, strings.Split(row.settings, "\n")...)
		w.log = nil
		tab := w.open(ref)
		for _, name := range []string{"local", "certified", "user", "other"} {
			got, want := w.ask(tab, name), Answer{Status: NoKey}
			switch {
			case name == row.is:
				want = Answer{Value: "is " + name}
			case row.is == "" && row.log != "":
				want = tryAgain
			}
			if got != want {
				t.Errorf("%s: for %s, got %+v, want %+v\n%s", row.settings, name, got, want, strings.Join(w.log, "\n"))
			}
			if row.is == "" || row.is == name { // the others are the same
				real := &ldapQuestion{ref: ref, key: name}
				if row.real {
					real.out, real.failed, _ = p.one(ref, name)
				}
				if row.real && (real.failed != (got.Status == Retry) || strings.TrimSuffix(real.out, "\n") != got.Value) {
					t.Errorf("%s: for %s, got %+v, postmap has %q, %v", row.settings, name, got, real.out, real.failed)
				}
			}
			if row.is == "" {
				break
			}
		}
		if log := w.logged(); !strings.Contains(log, row.log) || row.log == "" && log != "" {
			t.Errorf("%s: the log has %s", row.settings, log)
		}
	}
}
