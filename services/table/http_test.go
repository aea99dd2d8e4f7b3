// SPDX-License-Identifier: ISC

package table

import (
	"os"
	"slices"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// TestHTTPRefused: what is wrong with settings is said when the table is opened.
func TestHTTPRefused(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pem := w.dir + "/pem"
	w.must(os.WriteFile(pem, []byte("x"), 0o600))
	for _, row := range []struct{ text, want string }{
		{"", "bad string length 0 < 1: url = "},
		{"url = h/%s", ": need http://host/ or https://host/: url = h/%s"},
		{"url = http://%d/", ": an escape where the server is: url = http://%d/"},
		{"url = http://me:secret@h/", ": user and password have settings of their own"},
		{"url = http://h:secret@/%q", ": an escape that is none"},
		{"url = http://h/%q", ": an escape that is none: url = http://h/%q"},
		{"url = http://h/\nformat = xml", ": need text or json: format = xml"},
		{"url = http://h/\nmember = a", ": a text has no members: member = a"},
		{"url = http://h/\nformat = json\nmember = a..b", ": need names with dots between them: member = a..b"},
		{"url = http://h/\ndata_size_limit = 0", ": invalid data_size_limit parameter value 0 < 1"},
		{"url = http://h/\ndata_size_limit = 2097153", ": invalid data_size_limit parameter value 2097153 > 2097152"},
		{"url = http://h/\ntimeout = 0", ": invalid timeout parameter value 0 < 1"},
		{"url = http://h/\nmax_redirects = -1", ": invalid max_redirects parameter value -1 < 0"},
		{"url = http://h/\nsocket = /" + strings.Repeat("x", 103), "unix-domain name too long: /" + strings.Repeat("x", 103)},
		{"url = http://h/\npassword = p", ": a password without a user"},
		{"url = http://h/\nuser = a:b\npassword = p", ": a colon ends a user's name"},
		{"url = http://h/\nheaders = secret", ": need name: value as a header"},
		{"url = http://h/\nheaders = {A: b} {secret}", ": need name: value as a header"},
		{"url = http://h/\nheaders = {A: b} c", `: no '{' at start of text in "c"`},
		{"url = http://h/\nheaders = a b: c", ": need name: value as a header"},
		{"url = http://h/\nheaders = A: b\x01", ": a control character in the header A"},
		{"url = http://h/\nheaders = Content-length: 5", ": this header cannot be set: Content-length"},
		{"url = http://h/\nuser = u\nheaders = authorization: Bearer x", ": a user, and a header that is to tell who asks"},
		{"url = http://h/\ntls_CAfile = " + pem, ": tls_CAfile is for https: only"},
		{"url = https://h/\ntls_CAfile = /nowhere", "open /nowhere: No such file or directory"},
		{"url = https://h/\ntls_cert_file = " + pem, ": tls_cert_file and tls_key_file go together"},
		{"url = https://h/\ntls_verify_cert = perhaps", ": bad boolean configuration: tls_verify_cert = perhaps"},
		{"url = http://h/\nresult_format = %q", ": Invalid result template: %q"},
		{"url = http://h/\ndomain = nosuch:x", "unsupported dictionary type: nosuch"},
	} {
		if tab, err := w.Open("http:"+w.file(row.text+"\n"), ReadOnly, 0); err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: got %v, %v, want %s", row.text, tab, err, row.want)
		}
	}
	name := w.file("url = http://h/%s\n")
	for _, row := range []struct {
		m    Mode
		f    Flags
		want string
	}{
		{ReadWrite, 0, "http:" + name + " map requires O_RDONLY access mode"},
		{ReadOnly, NoUnauth, "http:" + name + " map is not allowed for security-sensitive data"},
	} {
		if _, err := w.Open("http:"+name, row.m, row.f); err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

// TestHTTPSettings: what the worker is told.
func TestHTTPSettings(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pem := w.dir + "/pem"
	w.must(os.WriteFile(pem, []byte("a certificate"), 0o600))
	told := func(text string) (list []string, k keyed) {
		t.Helper()
		k, err := w.openKeyed(w.file(text))
		w.must(err)
		list, templates, err := httpSettings(&k)
		w.must(err)
		if len(templates) != 1 {
			t.Errorf("%d templates", len(templates))
		}
		return list[2:], k
	}
	got, _ := told("url = http://h/%s\n")
	want := []string{
		"url", "http://h/%s", "format", "text", "member", "", "data_size_limit", "65536", "socket", "", "user", "", "password", "", "headers", "",
		"timeout", "10", "max_redirects", "0", "tls_CAfile", "", "tls_cert_file", "", "tls_key_file", "", "tls_verify_cert", "yes", "tls_server_name", "",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got, k := told("url = https://h/%s\nformat = json\nmember = a.b\ndata_size_limit = 7\nsocket = /s\nuser = u\npassword = p q\nheaders = { X-One:1 }, {X-Two: {2, 3}}\n" +
		"timeout = 3\nmax_redirects = 2\ntls_CAfile = " + pem + "\ntls_verify_cert = no\ntls_server_name = n\n")
	want = []string{
		"url", "https://h/%s", "format", "json", "member", "a.b", "data_size_limit", "7", "socket", "/s", "user", "u", "password", "p q", "headers", "X-One: 1\nX-Two: {2, 3}",
		"timeout", "3", "max_redirects", "2", "tls_CAfile", "a certificate", "tls_cert_file", "", "tls_key_file", "", "tls_verify_cert", "no", "tls_server_name", "n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w.must(os.Rename(w.settled(w.file("another")), pem))
	if !k.Changed() {
		t.Error("a certificate that is replaced is not seen")
	}
}
