// SPDX-License-Identifier: ISC

package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
	"postloop/services/table/worker/mycnf"
)

func TestParseHosts(t *testing.T) {
	for _, row := range []struct {
		word string
		want hosts.Host
	}{
		{"unix:/run/s", hosts.Host{Unix: true, Addr: "/run/s"}},
		{"unix:/run/s:3306", hosts.Host{Unix: true, Addr: "/run/s"}},
		{"unix:/run/a:b", hosts.Host{Unix: true, Addr: "/run/a:b"}},
		{"localhost", hosts.Host{Unix: true}},
		{"inet:LocalHost:77", hosts.Host{Unix: true, Port: "77"}},
		{"db.example", hosts.Host{Addr: "db.example"}},
		{"db.example:mysql", hosts.Host{Addr: "db.example", Port: "mysql"}},
		{"inet:127.0.0.1:77", hosts.Host{Addr: "127.0.0.1", Port: "77"}},
		{"::1", hosts.Host{Addr: "::1"}},
		{"[::1]", hosts.Host{Addr: "::1"}},
		{"inet:[::1]:77", hosts.Host{Addr: "::1", Port: "77"}},
		{"inet:", hosts.Host{}},
	} {
		row.want.Name = row.word
		if got := parseHost(row.word); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.word, got, row.want)
		}
	}
	if list := parseHosts("a  b"); len(list) != 2 || list[1].Name != "b" {
		t.Errorf("two hosts: %+v", list)
	}
}

// TestTarget: what settings and option files make of a host.
func TestTarget(t *testing.T) {
	file := t.TempDir() + "/my.cnf"
	if err := os.WriteFile(file, []byte(`[client]
user = file
password = secret
host = db.example
port = 77
socket = /file/s
ssl-ca = /file/ca
default-character-set = latin1
connect-timeout = 5
init-command = SET @a = 1
`), 0o600); err != nil {
		t.Fatal(err)
	}
	make := func(list ...string) *base {
		return &base{s: worker.NewSettings(append([]string{"dbname", "d", "option_file", file}, list...)...), name: "mysql:x"}
	}
	for _, row := range []struct {
		b    *base
		host string
		want func(*target) bool
	}{
		{make(), "localhost", func(t *target) bool {
			return t.network == "tcp" && t.addr == "db.example:77" && t.host == "db.example" && t.user == "file" && t.password == "secret"
		}},
		{make("user", "u", "password", "p"), "unix:/s", func(t *target) bool {
			return t.network == "unix" && t.addr == "/s" && t.host == "localhost" && t.user == "u" && t.password == "p"
		}},
		{make("user", "u"), "other", func(t *target) bool { return t.addr == "other:77" && t.password == "" }},
		{make(), "other:88", func(t *target) bool { return t.addr == "other:88" }},
		{make(), "[::1]:88", func(t *target) bool { return t.addr == "[::1]:88" && t.host == "::1" }},
		{make(), "x", func(t *target) bool {
			return t.charset == "latin1" && t.timeout == seconds(5) && t.initial == "SET @a = 1" && t.tls.caFile == "/file/ca" && t.tls.wanted() && !t.tls.enforce
		}},
		{make("charset", "utf8mb3", "tls_CAfile", "/ca", "tls_verify_cert", "yes"), "x", func(t *target) bool {
			return t.charset == "utf8mb3" && t.tls.caFile == "/ca" && t.tls.verify && t.tls.enforce
		}},
	} {
		h := parseHost(row.host)
		if got, err := row.b.target(&h); err != nil || !row.want(got) {
			t.Errorf("%s: got %+v, %v", row.host, got, err)
		}
	}
	h := parseHost("localhost")
	none := &base{s: worker.NewSettings("user", "u")} // and no option files
	if got, err := none.target(&h); err != nil || got.network != "unix" || got.charset != "utf8mb4" || got.tls.wanted() || !slices.Contains(sockets, got.addr) {
		t.Errorf("without option files: %+v, %v", got, err)
	}
}

func TestOption(t *testing.T) {
	file := t.TempDir() + "/my.cnf"
	if err := os.WriteFile(file, []byte("[c]\na\nb=1\nc=ON\nd=0\ne=off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := mycnf.New("c")
	if err := o.Read(file); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "e": false, "f": false} {
		if option(o, name) != want {
			t.Errorf("%s is %v", name, !want)
		}
	}
}

func TestCipherSuites(t *testing.T) {
	const a, b = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	for _, row := range []struct {
		text string
		want []uint16
	}{
		{"ECDHE-RSA-AES128-GCM-SHA256", []uint16{a}},
		{"ECDHE-RSA-AES128-GCM-SHA256:nosuch:ECDHE-RSA-AES256-GCM-SHA384", []uint16{a, b}},
		{"ECDHE-RSA-AES128-GCM-SHA256,ECDHE-RSA-AES256-GCM-SHA384:!ECDHE-RSA-AES128-GCM-SHA256:!aNULL:@STRENGTH", []uint16{b}},
		{"nosuch", nil},
		{"", nil},
		{"!aNULL", nil},
	} {
		got, err := cipherSuites(row.text)
		if !slices.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%q: got %x, %v", row.text, got, err)
		}
	}
	all, err := cipherSuites("HIGH:!ECDHE-RSA-AES128-GCM-SHA256")
	if err != nil || len(all) < 5 || slices.Contains(all, a) || !slices.Contains(all, b) {
		t.Errorf("HIGH: %x, %v", all, err)
	}
}

func TestNamed(t *testing.T) {
	common := pkix.Name{CommonName: "*.example"}
	for _, row := range []struct {
		cert *x509.Certificate
		host string
		want bool
	}{
		{&x509.Certificate{Subject: common}, "db.example", true},
		{&x509.Certificate{Subject: common}, "db.other", false},
		{&x509.Certificate{Subject: common, DNSNames: []string{"x"}}, "db.example", false},
		{&x509.Certificate{Subject: common, IPAddresses: []net.IP{{10, 0, 0, 1}}}, "db.example", false},
		{&x509.Certificate{Subject: pkix.Name{CommonName: "10.0.0.1"}}, "10.0.0.1", true},
		{&x509.Certificate{IPAddresses: []net.IP{{10, 0, 0, 1}}}, "10.0.0.1", true},
		{&x509.Certificate{}, "", false},
	} {
		if got := named(row.cert, row.host); got != row.want {
			t.Errorf("%v for %s: %v", row.cert.Subject, row.host, got)
		}
	}
}

// unquoted reads what a server would between single quotes. ok is false if that
// ends early.
func unquoted(text string, plain bool) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && !plain:
			i++
			if i == len(text) {
				return "", false
			}
			if at := strings.IndexByte("0nrZ", text[i]); at >= 0 {
				b.WriteByte("\x00\n\r\x1a"[at])
				continue
			}
			b.WriteByte(text[i])
		case c == '\'':
			i++
			if i == len(text) || text[i] != '\'' {
				return "", false
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// FuzzQuote: a key stays within its quotes, and arrives as it is.
func FuzzQuote(f *testing.F) {
	f.Add(`o'brien\`, true)
	f.Add("\x00\n\r\x1a\"' OR 1 -- ", false)
	f.Fuzz(func(t *testing.T, key string, plain bool) {
		s := &session{plain: plain}
		quoted := s.quote(key)
		if got, ok := unquoted(quoted, plain); !ok || got != key {
			t.Fatalf("%q became %q, which is %q", key, quoted, got)
		}
		if double := strings.ReplaceAll(quoted, `\"`, ""); !plain && strings.Contains(strings.ReplaceAll(double, `\\`, ""), `"`) {
			t.Fatalf("%q ends double quotes", quoted)
		}
	})
}
