// SPDX-License-Identifier: ISC

package cfg

import (
	"strings"
	"testing"
)

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"127.0.0.1:9199":        "127.0.0.1:9199",
		"127.8.9.10:1":          "127.8.9.10:1",
		"[::1]:9199":            "[::1]:9199",
		"127.0.0.1:0":           "127.0.0.1:0",
		"unix:metrics":          "unix:metrics",
		"unix:public/../m":      "unix:m",
		"unix:/run/postloop/ui": "unix:/run/postloop/ui",
	} {
		e, err := parseEndpoint(text)
		if err != nil || e.String() != want || e.None() != (want == "") {
			t.Errorf("%q: %v, %v", text, e, err)
		}
	}
	for text, want := range map[string]string{
		"9199":                  "a port without an address: 9199; specify 127.0.0.1:9199",
		"0.0.0.0:9199":          "0.0.0.0 is not a loopback address",
		"[::]:9199":             ":: is not a loopback address",
		"192.0.2.1:9199":        "192.0.2.1 is not a loopback address",
		"[::ffff:127.0.0.1]:80": "is not a loopback address",
		"localhost:9199":        "bad address: localhost:9199; specify",
		"127.0.0.1":             "bad address: 127.0.0.1; specify",
		"127.0.0.1:65536":       "bad address",
		"::1:9199":              "bad address",
		"metrics":               "bad address: metrics; specify a loopback address and a port, such as 127.0.0.1:9199, or a unix-domain socket, such as unix:metrics",
		"unix:":                 "unix: without the name of a socket",
		"unix:a b":              "a blank or a control character",
		"unix:a/":               "it ends with a slash",
	} {
		if e, err := parseEndpoint(text); err == nil || !strings.Contains(err.Error(), want) || !e.None() {
			t.Errorf("%q: %v, %v", text, e, err)
		}
	}
}

// TestEndpointPlace: a bad one is blamed with its line, in both languages.
func TestEndpointPlace(t *testing.T) {
	m, err := ParseMain("main.cf", strings.NewReader("myhostname = a.example\nmetrics_listen = 10.0.0.1:9199\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.Params(); err == nil || !strings.HasPrefix(err.Error(), "main.cf, line 2: parameter metrics_listen: 10.0.0.1 is not a loopback address") {
		t.Error(err)
	}
	m, _, _, err = ParseTOML("postloop.toml", strings.NewReader("rootless = true\n\nmetrics = \"*:9199\"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	m.SetDefault("myhostname", "a.example")
	if _, err = m.Params(); err == nil || !strings.HasPrefix(err.Error(), "postloop.toml, line 3: parameter metrics_listen: bad address: *:9199;") {
		t.Error(err)
	}
}
