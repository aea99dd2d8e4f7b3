// SPDX-License-Identifier: ISC

package cf_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"postloop/services/table/cf"
)

func TestParseURL(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"http://h/%s", ""},
		{"https://[::1]:8443?k=%u&d=%d", ""},
		{"http://h", ""},
		{"http://[fe80::1%%25eth0]/%s", ""},
		{"http://h/%%20/%1", ""},
		{"http://h/.x/..y/%s", ""},
		{"", "need http://host/ or https://host/"},
		{"h/%s", "need http://host/ or https://host/"},
		{"HTTP://h/%s", "need http://host/ or https://host/"},
		{"ftp://h/%s", "need http://host/ or https://host/"},
		{"http:///%s", "need http://host/ or https://host/"},
		{"http://:80/%s", "need http://host/ or https://host/"},
		{"http://%d/%s", "an escape where the server is"},
		{"http://h.%1/%s", "an escape where the server is"},
		{"http://h%%%s/", "an escape where the server is"},
		{"http://h?%s@x", ""},
		{"http://me:secret@h/%s", "user and password have settings of their own"},
		{"http://h/%s#x", "a # has no place in it"},
		{"http://h/%z", "an escape that is none"},
		{"http://h/%", "an escape that is none"},
		{"http://h/a b", "a character that no address can have"},
		{"http://h/\u00e4", "a character that no address can have"},
		{"http://m\u00fcller.example/", "a character that no address can have"},
		{"http://h/a\nb", "a character that no address can have"},
		{`http://h/"x"/%s`, "a character that no address can have"},
		{"http://h/{x}/%s", "a character that no address can have"},
		{`http://h/a\b/%s`, "a character that no address can have"},
		{"http://h/!$&'()*+,;=:@[]/%s?", ""},
		{"http://h/../%s", "a . or .. as part of the path"},
		{"http://h/x/./%s", "a . or .. as part of the path"},
		{"http://h/%%2e%%2E/%s", "a . or .. as part of the path"},
		{"http://h:x/%s", `invalid port ":x" after host`},
		{"http://h/%%zz", `invalid URL escape "%zz"`},
	} {
		_, err := cf.ParseURL(row.text)
		if got := fmt.Sprint(err); got != row.want && (err != nil || row.want != "") {
			t.Errorf("%s: got %s, want %s", row.text, got, row.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, row := range []struct{ text, key, want string }{
		{"http://h/%s", "user", "http://h/user"},
		{"http://h/%s", "u@example.com", "http://h/u%40example.com"},
		{"http://h/%d/%u?x=%1", "u@example.com", "http://h/example.com/u?x=com"},
		{"http://h/%d/%u", "user", ""},
		{"http://h/%s?k=%s", "a b/c?d#e&f=g+h%41;i:j", "http://h/a%20b%2Fc%3Fd%23e%26f%3Dg%2Bh%2541%3Bi%3Aj?k=a%20b%2Fc%3Fd%23e%26f%3Dg%2Bh%2541%3Bi%3Aj"},
		{"http://h/%s", "é\xff\x00\r\n", "http://h/%C3%A9%FF%00%0D%0A"},
		{"http://h/%s", "-._~", "http://h/-._~"},
		{"http://h/%%41/%s", "b", "http://h/%41/b"},
		{"http://h/%s", ".", ""},
		{"http://h/%s", "..", ""},
		{"http://h/%s", "...", "http://h/..."},
		{"http://h/.%s", ".", ""},
		{"http://h/%u.%d", ".@.", "http://h/..."},
		{"http://h/%s", "a/../b", ""},
		{"http://h/%s", `a\..\b`, ""},
		{"http://h/%s", "%2e%2e", "http://h/%252e%252e"},
		{"http://h/%s", "/", "http://h/%2F"},
		{"http://h/!$&'()*+,;=:@[]/%s", "a/b", "http://h/!$&'()*+,;=:@[]/a%2Fb"},
		{"http://h/x?%s", "..", "http://h/x?.."},
	} {
		u, err := cf.ParseURL(row.text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if a, ok := u.Address(row.key); ok {
			got = a.String()
		}
		if got != row.want {
			t.Errorf("%s for %q: got %s, want %s", row.text, row.key, got, row.want)
		}
	}
}

// FuzzAddress: whatever the key is, the server and the path to it stay those of the
// template, and the key is one part of the path and one value of the query.
func FuzzAddress(f *testing.F) {
	for _, key := range []string{"u@example.com", "..", "a/b", "?&#", "%00\r\n", "\xff", "http://other/"} {
		f.Add(key)
	}
	template, err := cf.ParseURL("http://host:81/at/%s/end?first=1&key=%s")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		a, ok := template.Address(key)
		if !ok {
			if key != "" && !strings.Contains(key, ".") {
				t.Errorf("%q is not asked for", key)
			}
			return
		}
		// As a server reads it.
		path, query, _ := strings.Cut(a.RequestURI(), "?")
		parts := strings.Split(path, "/")
		if a.Host != "host:81" || len(parts) != 4 || parts[1] != "at" || parts[3] != "end" || strings.ContainsAny(query, "\r\n #+") {
			t.Fatalf("%q: %s at %s", key, a.RequestURI(), a.Host)
		}
		part, err := url.PathUnescape(parts[2])
		if err != nil || part != key || part == ".." || part == "." {
			t.Errorf("%q: %q in the path, %v", key, part, err)
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values) != 2 || len(values["key"]) != 1 || values.Get("key") != key || values.Get("first") != "1" {
			t.Errorf("%q: the query is %q, %v", key, query, err)
		}
	})
}

func TestParseMember(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", "[]"},
		{"a", `["a"]`},
		{"data.mailbox", `["data" "mailbox"]`},
		{"a.0.b-c_d é", `["a" "0" "b-c_d é"]`},
		{`"a.b".c`, `["a.b" "c"]`},
		{`a."b"`, `["a" "b"]`},
		{`""`, `[""]`},
		{`"\"\\\x".""."a"`, `["\"\\x" "" "a"]`},
		{".", ""},
		{"a.", ""},
		{".a", ""},
		{"a..b", ""},
		{`"a`, ""},
		{`"a\`, ""},
		{`"a\"`, ""},
		{`"a"b`, ""},
		{`a"b"`, ""},
		{`"a".`, ""},
		{`a.b"`, ""},
	} {
		names, ok := cf.ParseMember(row.text)
		got := fmt.Sprintf("%q", names)
		if !ok {
			got = ""
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s", row.text, got, row.want)
		}
	}
}

// FuzzParseMember: every list of names can be written, and nothing else is read.
func FuzzParseMember(f *testing.F) {
	for _, text := range []string{"a.b", `"a.b".c`, `""`, `"\"\\"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, ok := cf.ParseMember(text)
		if !ok {
			return
		}
		var written []string
		for _, name := range names {
			written = append(written, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`"`)
		}
		again, ok := cf.ParseMember(strings.Join(written, "."))
		if !ok || fmt.Sprintf("%q", again) != fmt.Sprintf("%q", names) {
			t.Errorf("%q: %q, and written %q", text, names, again)
		}
	})
}
