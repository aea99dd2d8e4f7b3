// SPDX-License-Identifier: ISC

package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestScan(t *testing.T) {
	for in, want := range map[string]Request{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":      {Path: "/"},
		"GET /metrics HTTP/1.0\n\n":                      {Path: "/metrics"},
		"HEAD /readyz?x=/y HTTP/1.1\r\n\r\n":             {Path: "/readyz", Head: true},
		"GET /../%41 HTTP/1.1\r\n\x00\xff\x01\r\n\r\n":   {Path: "/../%41"},
		"GET / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n": {Path: "/"},
	} {
		q, used, err := Scan([]byte(in))
		if q != want || used != len(in) || err != nil {
			t.Errorf("%q: %+v, %d, %v", in, q, used, err)
		}
		if q, used, err := Scan([]byte(in + "GET /more HTTP/1.1\r\n\r\n")); q != want || used != len(in) || err != nil {
			t.Errorf("%q and more: %+v, %d, %v", in, q, used, err)
		}
		for i := range in {
			if q, used, err := Scan([]byte(in[:i])); used != 0 || err != nil {
				t.Errorf("%q: %+v, %d, %v", in[:i], q, used, err)
			}
		}
	}
	long := strings.Repeat("a", 100)
	for in, want := range map[string]error{
		"\r\n":                                 ErrBad,
		"GET\r\n":                              ErrBad,
		"GET /\r\n":                            ErrBad,
		"GET / HTTP/2.0\r\n":                   ErrBad,
		"GET / HTTP/1.1 \r\n":                  ErrBad,
		"GET  HTTP/1.1\r\n":                    ErrBad,
		"GET http://a/ HTTP/1.1\r\n":           ErrBad,
		"GET /\x00 HTTP/1.1\r\n":               ErrBad,
		"GET /\xc3\xa4 HTTP/1.1\r\n":           ErrBad,
		"POST / HTTP/1.1\r\n":                  ErrMethod,
		"get / HTTP/1.1\r\n":                   ErrMethod,
		"\x16\x03\x01\x02\n":                   ErrBad, // TLS
		"GET /" + strings.Repeat(long, 11):     ErrBad,
		strings.Repeat("\x00", lineLimit+1):    ErrBad,
		"GET / HTTP/1.1\n" + headers(100):      ErrBad,
		"GET / HTTP/1.1\n" + headers(10) + "x": nil,
	} {
		if _, used, err := Scan([]byte(in)); !errors.Is(err, want) || used != 0 != (want != nil) {
			t.Errorf("%.60q: %d, %v", in, used, err)
		}
	}
}

// TestNamed: a page from elsewhere that has its name stand for this machine is told
// apart from who knows where he is.
func TestNamed(t *testing.T) {
	for host, want := range map[string]bool{
		"Host: 127.0.0.1:9199":                        false,
		"Host:127.0.0.1":                              false,
		"host: [::1]:9199":                            false,
		"HOST: localhost:9199":                        false,
		"Host: LOCALHOST":                             false,
		"Host:":                                       false,
		"X-Forwarded-Host: a.example":                 false,
		"Host: a.example":                             true,
		"host:\ta.example:9199":                       true,
		"Host : a.example":                            true,
		"Host: 127.0.0.1.a.example":                   true,
		"Host: localhost.a.example":                   true,
		"Host: 127.0.0.1\r\nHost: a.example":          true,
		"Accept: */*\r\nHost: a.example\r\nUser: x:y": true,
	} {
		for _, end := range []string{"\n", "\r\n"} {
			in := "GET / HTTP/1.1" + end + host + end + end
			if q, used, err := Scan([]byte(in)); q.Named != want || used != len(in) || err != nil {
				t.Errorf("%q: %+v, %d, %v", in, q, used, err)
			}
		}
	}
}

func headers(n int) string { return strings.Repeat("X: "+strings.Repeat("a", 96)+"\n", n) }

// FuzzScan: nothing harms it, and the result is the same however the input is cut.
func FuzzScan(f *testing.F) {
	f.Add([]byte("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), 20)
	f.Add([]byte("POST / HTTP/1.1\r\n\r\n"), 3)
	f.Add([]byte("HEAD /?\n HTTP/1.0\n\n\n"), 8)
	f.Add([]byte(headers(90)), 8192)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: [::1]\r\nhost:a\n\n"), 35)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		q, used, err := Scan(in)
		switch {
		case used < 0 || used > len(in), err != nil && used == 0 && len(in) > 0:
			t.Fatalf("%d, %v", used, err)
		case err == nil && used > 0 && (q.Path == "" || q.Path[0] != '/' || strings.ContainsAny(q.Path, "? \r\n") || used > HeadLimit):
			t.Fatalf("%+v, %d", q, used)
		case used == 0 && len(in) >= HeadLimit:
			t.Fatal("it would wait for ever")
		}
		part := in[:max(0, min(cut, len(in)))]
		early, n, e := Scan(part)
		if n == 0 {
			return
		}
		if early != q || !errors.Is(e, err) || e == nil && n != used {
			t.Fatalf("%+v, %d, %v; and of a part: %+v, %d, %v", q, used, err, early, n, e)
		}
	})
}

func TestAnswer(t *testing.T) {
	a := Line(NotAllowed, "no")
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	want := strings.ReplaceAll(`HTTP/1.1 405 Method Not Allowed
Date: Fri, 02 Jan 2026 02:04:05 GMT
Content-Type: text/plain; charset=utf-8
Content-Length: 3
Allow: GET, HEAD
Cache-Control: no-store
Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
Cross-Origin-Resource-Policy: same-origin
Referrer-Policy: no-referrer
X-Content-Type-Options: nosniff
X-Frame-Options: DENY
Connection: close

`, "\n", "\r\n")
	if got := string(a.Head(now)); got != want || string(a.Body) != "no\n" {
		t.Errorf("%s", got)
	}
}

// TestPage: it is whole by itself, asks nobody else, and makes no HTML of texts.
func TestPage(t *testing.T) {
	a := Page()
	text := string(a.Body)
	for _, never := range []string{
		"/*style*/", "/*script*/", "http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
		"Function(", " style=", " onclick=", "<link rel=\"stylesheet", " src=",
	} {
		if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), never) {
			t.Errorf("the page has %q", never)
		}
	}
	if n := strings.Count(text, "<script>"); n != 1 || !strings.Contains(text, "<script>"+script+"</script>") {
		t.Errorf("%d scripts", n)
	}
	if n := strings.Count(text, "<style>"); n != 1 || !strings.Contains(text, "<style>"+style+"</style>") {
		t.Errorf("%d styles", n)
	}
	if strings.Contains(a.Policy, "unsafe") || len(regexp.MustCompile(`'sha256-[A-Za-z0-9+/]{43}='`).FindAllString(a.Policy, -1)) != 2 {
		t.Error(a.Policy)
	}
	for text, name := range map[string]string{script: scriptHash, style: styleHash} {
		sum := sha256.Sum256([]byte(text))
		if want := "sha256-" + base64.StdEncoding.EncodeToString(sum[:]); name != want || !strings.Contains(a.Policy, "'"+want+"'") {
			t.Errorf("%s is the hash of %.30q, and %s stands in page.go", want, text, name)
		}
	}
	if len(a.Body) > 32<<10 {
		t.Errorf("%d bytes", len(a.Body))
	}
	if !bytes.Contains(a.Body, []byte(`<meta name="viewport"`)) {
		t.Error("not for a phone")
	}
}
