// SPDX-License-Identifier: ISC

package table

import (
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// TestRemoteRefused: what tables say that do not open.
func TestRemoteRefused(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	cf := w.file("")
	for _, row := range []struct {
		ref  string
		m    Mode
		f    Flags
		want string
	}{
		{"tcp:127.0.0.1:25", ReadOnly, NoUnauth, "tcp:127.0.0.1:25 map is not allowed for security sensitive data"},
		{"tcp:127.0.0.1:25", ReadWrite, 0, "tcp:127.0.0.1:25 map requires O_RDONLY access mode"},
		{"tcp:127.0.0.1:1x", ReadOnly, 0, "127.0.0.1:1x: garbage after numerical service"},
		{"socketmap:inet:h:1:m", ReadOnly, NoUnauth, "socketmap:inet:h:1:m map is not allowed for security-sensitive data"},
		{"socketmap:inet:h:1:m", ReadWrite, 0, "socketmap:inet:h:1:m map requires O_RDONLY access mode"},
		{"socketmap:x", ReadOnly, 0, "socketmap requires server:socketmap argument"},
		{"socketmap:foo:1:x:y", ReadOnly, 0, "invalid transport name: foo in service: foo:1:x"},
		{"redis:" + cf, ReadOnly, NoUnauth, "redis:" + cf + " map is not allowed for security-sensitive data"},
		{"redis:" + cf, ReadWrite, 0, "redis:" + cf + " map requires O_RDONLY access mode"},
		{"redis:" + w.file("hosts = ,\n"), ReadOnly, 0, "a list of hosts with none in it"},
		{"redis:" + w.file("hosts = unix:\n"), ReadOnly, 0, `need service transport:endpoint instead of "unix:"`},
		{"redis:" + w.file("hosts = h:1x\n"), ReadOnly, 0, "h:1x: garbage after numerical service"},
		{"redis:/nowhere", ReadOnly, 0, "open /nowhere: No such file or directory"},
	} {
		if tab, err := w.Open(row.ref, row.m, row.f); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, %v, want %s", row.ref, tab, err, row.want)
		}
	}
	for text, want := range map[string]string{
		"timeout = 0\n":         ": invalid timeout parameter value 0 < 1",
		"result_format = %q\n":  ": Invalid result template: %q",
		"hash = %q\n":           ": Invalid query template: %q",
		"user = x\n":            ": a user without a password",
		"expansion_limit = x\n": ": bad numerical configuration: expansion_limit = x",
		"domain = nosuch:x\n":   "unsupported dictionary type: nosuch",
	} {
		if tab, err := w.Open("redis:"+w.file(text), ReadOnly, 0); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %s", text, tab, err, want)
		}
	}
}

// TestRemoteKeys: keys are folded as the type has it, and those that are not
// UTF-8, where that is asked for, are not found.
func TestRemoteKeys(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol, w *netWorld, s *fakeServer, tab Table) {
		fixed := p.name == "memcache" || p.name == "redis"
		if got := tab.Flags()&^MultiWriter == Fixed; got != fixed {
			t.Errorf("flags %v", tab.Flags())
		}
		for _, row := range []struct {
			f    Flags
			want string
		}{
			{0, "KeÜ"},
			{FoldFix, map[bool]string{true: "keÜ", false: "KeÜ"}[fixed]},
			{FoldMul, map[bool]string{true: "KeÜ", false: "keÜ"}[fixed]},
			{FoldFix | FoldMul | UTF8Request, "keü"},
		} {
			r := &reply{}
			tab.Get("KeÜ", row.f, func(a Answer) { r.Answer, r.here = a, true })
			w.until(func() bool { return r.here })
			got := r.Value
			if p.name == "tcp" { // %C3%9C, which the fake does not decode, but we do
				got, row.want = strings.ToLower(got), strings.ToLower(row.want)
			}
			if !strings.HasSuffix(got, row.want) {
				t.Errorf("%v: got %q, want %q", row.f, got, row.want)
			}
		}
		before := len(s.requests())
		if a := tab.Get("\xff", UTF8Request, nil); a.Status != NoKey || len(s.requests()) != before {
			t.Errorf("got %+v", a)
		}
	})
}

// TestSocketmapLongQuery: it is not found, and not asked for.
func TestSocketmapLongQuery(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	tab := w.open("socketmap:unix:/nowhere:m")
	w.expect(w.ask(tab, strings.Repeat("x", 9999)), Answer{Status: NoKey})
	if text := w.logged(); !strings.Contains(text, "above the limit of 10000") {
		t.Error(text)
	}
}

// TestRedisHosts: the first server that lets us in is the one that is asked,
// until it goes away.
func TestRedisHosts(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	p := protocols[3]
	closed := newFake(w, "tcp", "127.0.0.1:0", readCommand, func(string) saying { return say("-NOAUTH Authentication required.\r\n") })
	good := func(request string) saying {
		if strings.HasPrefix(request, "AUTH") || strings.HasPrefix(request, "SELECT") {
			return say("+OK\r\n")
		}
		return p.echo(request)
	}
	one := newFake(w, "unix", w.dir+"/1", readCommand, good)
	two := newFake(w, "unix", w.dir+"/2", readCommand, good)
	tab := w.open("redis:" + w.file("hosts = unix:"+w.dir+"/0, "+closed.addr+" unix:"+w.dir+"/1 unix:"+w.dir+"/2\nuser = u\npassword = p\ndatabase = 7\n"))
	w.expect(w.ask(tab, "k"), value("k"))
	if got := strings.Join(one.requests(), "; "); got != "AUTH u p; SELECT 7; GET k" {
		t.Errorf("asked %q", got)
	}
	if text := w.logged(); !strings.Contains(text, "/0: No such file or directory") || !strings.Contains(text, "connect to "+closed.addr+": AUTH: NOAUTH Authentication required.") {
		t.Error(text)
	}
	one.stop()
	w.expect(w.ask(tab, "k2"), value("k2"))
	w.expect(w.ask(tab, "k3"), value("k3"))
	if got := strings.Join(two.requests(), "; "); got != "AUTH u p; SELECT 7; GET k2; GET k3" {
		t.Errorf("asked %q", got)
	}
}
