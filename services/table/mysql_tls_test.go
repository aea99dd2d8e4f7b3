// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postloop/internal/dbtest"
)

// TestMysqlTLS: when there is TLS, and which servers are believed.
func TestMysqlTLS(t *testing.T) {
	m := newMysqlWorld(t)
	ca, other := dbtest.NewAuthority(t, m.dir, "ca"), dbtest.NewAuthority(t, m.dir, "other")
	client := ca.Issue("client", &x509.Certificate{Subject: pkix.Name{CommonName: "client"}})
	path := m.dir + "/authorities"
	m.must(os.Mkdir(path, 0o700))
	m.must(os.Link(ca.File+".pem", path+"/ca.pem"))
	if text, err := exec.Command("openssl", "rehash", path).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, text)
	}
	m.must(os.WriteFile(m.dir+"/my.cnf", []byte("[client]\nssl-ca="+ca.File+".pem\nssl-verify-server-cert=1\n"), 0o600))
	m.SQL("CREATE USER x IDENTIFIED BY 'pw' REQUIRE X509; GRANT ALL ON d.* TO x")
	addr := fmt.Sprintf("hosts = 127.0.0.1:%d\n", m.Port)
	// What is said is OpenSSL's there, and Go's here; only that it is about TLS is
	// the same.
	check := func(settings, why string) {
		t.Helper()
		ref := m.table("query = SELECT IF(VARIABLE_VALUE = '', 'plain', 'TLS') FROM information_schema.session_status WHERE VARIABLE_NAME = 'Ssl_cipher'\n" + settings)
		out, failed, warnings := m.p.one(ref, "k")
		tab := m.mustOpen(t, ref)
		m.log = nil
		got := m.askAsPostmap(tab, "k")
		tab.Close()
		if got.Value != strings.TrimSpace(out) || failed != (got.Status != OK) {
			t.Errorf("%s: got %s, logged %q; postmap %q, failed %v, logged %q", settings, spell(got), m.log, out, failed, warnings)
		}
		if text := m.logged(); !strings.Contains(text, why) || why == "" && text != "" {
			t.Errorf("%s: logged %q, want %q", settings, text, why)
		}
	}
	authorities, verify := "tls_CAfile = "+ca.File+".pem\n", "tls_verify_cert = yes\n"
	wrong := "tls_CAfile = " + other.File + ".pem\n"
	own := "tls_cert_file = " + client + ".pem\ntls_key_file = " + client + ".key\n"
	required := "TLS/SSL error: SSL is required, but the server does not support it"

	for _, row := range []struct{ settings, why string }{
		{authorities, ""},
		{addr + authorities, ""},
		{authorities + verify, required},
		{verify, required},
		{"option_file = " + m.dir + "/my.cnf\n", required},
	} {
		check(row.settings, row.why)
	}
	// An option that says yes in another way is not heard by the library.
	m.must(os.WriteFile(m.dir+"/yes.cnf", []byte("[client]\nssl-verify-server-cert\n"), 0o600))
	m.expect(m.ask(m.open(m.table("query = SELECT 1\noption_file = "+m.dir+"/yes.cnf")), "k"), Answer{Status: Retry})
	if text := m.logged(); !strings.Contains(text, required) {
		t.Errorf("logged %q", text)
	}
	start := func(name string, c *x509.Certificate) {
		t.Helper()
		file := ca.Issue(name, c)
		m.Stop()
		m.Options = []string{"--ssl-ca=" + ca.File + ".pem", "--ssl-cert=" + file + ".pem", "--ssl-key=" + file + ".key"}
		m.Start()
	}
	start("names", &x509.Certificate{Subject: pkix.Name{CommonName: "127.0.0.1"}, DNSNames: []string{"db.example", "localhost"}})
	for _, row := range []struct{ settings, why string }{
		{"", ""},
		{addr, ""},
		{authorities, ""},
		{addr + authorities, ""},
		{"tls_CApath = " + path, ""},
		{"tls_CApath = /nowhere", "TLS/SSL error: "},
		{"tls_CAfile = /nowhere", "TLS/SSL error: "},
		{wrong, "TLS/SSL error: "},
		{verify, "TLS/SSL error: "},
		{authorities + verify, ""}, // a socket is localhost's
		{addr + authorities + verify, "TLS/SSL error: "},
		{addr + wrong + verify, "TLS/SSL error: "},
		{addr + authorities + "tls_verify_cert = no", ""},
		{authorities + own, ""},
		{authorities + own + "user = x", ""},
		{authorities + "user = x", "Access denied for user 'x'"},
		{"tls_cert_file = " + client + ".pem\ntls_key_file = " + other.File + ".key\n", "TLS/SSL error: "},
		{"tls_cert_file = " + client + ".pem\n", "TLS/SSL error: "},
		{"tls_cert_file = /nowhere\ntls_key_file = " + client + ".key", "TLS/SSL error: "},
		{"tls_ciphers = ECDHE-ECDSA-AES128-GCM-SHA256", ""},
		{"tls_ciphers = HIGH:!aNULL", ""},
		{"tls_ciphers = nosuch", "TLS/SSL error: no cipher match"},
		{"option_file = " + m.dir + "/my.cnf\n", ""},
		{addr + "option_file = " + m.dir + "/my.cnf\n", "TLS/SSL error: "},
	} {
		check(row.settings, row.why)
	}
	start("address", &x509.Certificate{Subject: pkix.Name{CommonName: "db"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	check(addr+authorities+verify, "")
	check(authorities+verify, "TLS/SSL error: ")
	start("common", &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}})
	check(authorities+verify, "")
	check(addr+authorities+verify, "TLS/SSL error: ")
	start("alone", &x509.Certificate{Subject: pkix.Name{CommonName: "127.0.0.1"}})
	check(addr+authorities+verify, "")
}
