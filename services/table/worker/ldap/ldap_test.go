// SPDX-License-Identifier: ISC

package ldap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/worker"
)

// fake is a server that says to each request what answer says, and closes the
// connection where that is nothing.
type fake struct {
	t   *testing.T
	url string

	sync.Mutex               // held while it thinks about an answer
	requests   []*ber.Packet // operations, in their order
	conns      int
}

func newFake(t *testing.T, answer func(id int64, op *ber.Packet) []byte) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, url: "ldap://" + l.Addr().String()}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.Lock()
			f.conns++
			f.Unlock()
			for {
				request, err := ber.ReadPacket(conn)
				if err != nil || len(request.Children) < 2 {
					break
				}
				id, _ := request.Children[0].Value.(int64)
				f.Lock()
				f.requests = append(f.requests, request.Children[1])
				out := answer(id, request.Children[1])
				f.Unlock()
				if out == nil {
					break
				}
				_, _ = conn.Write(out)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return f
}

// message is one of a server. Children are strings, or whole packets.
func message(id int64, tag ber.Tag, children ...any) []byte {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	for _, child := range children {
		switch c := child.(type) {
		case int:
			op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, c, ""))
		case string:
			op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c, ""))
		case *ber.Packet:
			op.AppendChild(c)
		}
	}
	m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	m.AppendChild(op)
	return m.Bytes()
}

// entry is a result with values of v.
func entry(id int64, values ...string) []byte {
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, value := range values {
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, ""))
	}
	attr := ber.NewSequence("")
	attr.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "v", ""))
	attr.AppendChild(set)
	list := ber.NewSequence("")
	list.AppendChild(attr)
	return message(id, goldap.ApplicationSearchResultEntry, "cn=e", list)
}

func done(id int64, code int) []byte {
	return message(id, goldap.ApplicationSearchResultDone, code, "", "")
}

func bound(id int64, code int, more ...any) []byte {
	return message(id, goldap.ApplicationBindResponse, append([]any{code, "", ""}, more...)...)
}

// open opens a table of that server.
func (f *fake) open(settings ...string) (*worker.Settings, worker.Table) {
	f.t.Helper()
	s := worker.NewSettings(append([]string{
		"name", "t.cf", "server_host", f.url, "timeout", "10", "search_base", "dc=x", "query_filter", "(k=%s)", "scope", "2", "bind", "none",
		"result_attribute", "v", "result_format", "%s", "recursion_limit", "10",
	}, settings...)...)
	table, err := Open(s)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(table.Close)
	return s, table
}

// TestServer: what a server says that is at fault is no answer, and the next one
// is asked for on another connection.
func TestServer(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func(id int64) []byte
		want   string
	}{
		{"found", func(id int64) []byte { return append(entry(id, "a", "b"), done(id, 0)...) }, "[a b]"},
		{"nothing", func(id int64) []byte { return done(id, 0) }, "[]"},
		{"no such object", func(id int64) []byte { return done(id, 32) }, "refused: dict_ldap_lookup: t.cf: Search base 'dc=x' not found: 32: No such object"},
		{"busy", func(id int64) []byte { return done(id, 51) }, "dict_ldap_lookup: Search error 51: Server is busy"},
		{"a code of nobody's", func(id int64) []byte { return done(id, 72) }, "refused: dict_ldap_lookup: Search error 72: Unknown error"},
		{"half", func(id int64) []byte { return append(entry(id, "a", "b"), done(id, 0)[:5]...) }, "Timed out"},
		{"another's", func(id int64) []byte { return append(entry(id+1, "a"), done(id+1, 0)...) }, "Timed out"},
		{"garbage", func(int64) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, "Timed out"}, // it looks like the beginning of something
		{"endless", func(int64) []byte { return []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1} }, "Search error -1: Can't contact LDAP server"},
		{"end", func(int64) []byte { return nil }, "Search error -1: Can't contact LDAP server"},
		{"more than the limit", func(id int64) []byte {
			return slices.Concat(entry(id, "a"), entry(id, "b"), entry(id, "c"), done(id, 0))
		}, "refused: dict_ldap_lookup: Search error 4: Size limit exceeded"},
		{"notice of disconnection", func(int64) []byte { return message(0, goldap.ApplicationExtendedResponse, 52, "", "bye") }, "Timed out"},
	} {
		t.Run(row.name, func(t *testing.T) {
			well := false
			f := newFake(t, func(id int64, _ *ber.Packet) []byte {
				if well {
					return append(entry(id, "well"), done(id, 0)...)
				}
				return row.answer(id)
			})
			_, table := f.open("size_limit", "2", "timeout", "1")
			values, err := table.Lookup(t.Context(), "key")
			got := fmt.Sprint(values)
			if err != nil {
				got = err.Error()
			}
			if _, refused := errors.AsType[worker.Refused](err); refused {
				got = "refused: " + got
			}
			if !strings.Contains(got, row.want) || strings.HasPrefix(got, "refused") != strings.HasPrefix(row.want, "refused") {
				t.Errorf("got %s, want %s", got, row.want)
			}
			f.Lock()
			well = true
			f.Unlock()
			if values, err := table.Lookup(t.Context(), "key"); err != nil || !slices.Equal(values, []string{"well"}) {
				t.Errorf("then got %q, %v", values, err)
			}
			want := 2
			if err == nil || strings.Contains(row.want, "No such object") {
				want = 1
			}
			f.Lock()
			defer f.Unlock()
			if f.conns != want {
				t.Errorf("%d connections", f.conns)
			}
		})
	}
}

// TestLost: a connection that the server has given up is made anew, once.
func TestLost(t *testing.T) {
	n := 0
	f := newFake(t, func(id int64, _ *ber.Packet) []byte {
		if n++; n%3 == 2 || n > 6 {
			return nil
		}
		return append(entry(id, fmt.Sprint(n)), done(id, 0)...)
	})
	_, table := f.open()
	for _, want := range []string{"[1] <nil>", "[3] <nil>", "[4] <nil>", "[6] <nil>"} {
		values, err := table.Lookup(t.Context(), "key")
		if got := fmt.Sprint(values, " ", err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	_, err := table.Lookup(t.Context(), "key")
	f.Lock()
	defer f.Unlock()
	if err == nil || n != 8 {
		t.Errorf("%v after %d requests", err, n)
	}
}

// TestDeadline: nobody is waited for longer than whoever asks waits.
func TestDeadline(t *testing.T) {
	for _, bind := range []string{"none", "simple", "sasl"} {
		f := newFake(t, func(int64, *ber.Packet) []byte { return []byte{} })
		_, table := f.open("bind", bind, "sasl_mechs", "PLAIN", "timeout", "1000", "start_tls", map[bool]string{true: "yes"}[bind == "simple"])
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
		_, err := table.Lookup(ctx, "key")
		cancel()
		if err == nil || !strings.Contains(err.Error(), "-5") || !strings.Contains(err.Error(), "Timed out") {
			t.Errorf("%s: %v", bind, err)
		}
		table.Close()
	}
}

// TestRequest: what the server is asked.
func TestRequest(t *testing.T) {
	f := newFake(t, func(id int64, _ *ber.Packet) []byte { return done(id, 0) })
	_, table := f.open("search_base", "cn=%u,dc=x", "query_filter", "mail=%s", "dereference", "3", "size_limit", "5", "result_attribute", "", "timeout", "7")
	if _, err := table.Lookup(t.Context(), "a,(b)@c"); err != nil {
		t.Fatal(err)
	}
	f.Lock()
	defer f.Unlock()
	op := f.requests[0]
	filter, err := goldap.DecompileFilter(op.Children[6])
	got := fmt.Sprint(op.Children[0].Value, " ", op.Children[1].Value, " ", op.Children[2].Value, " ", op.Children[3].Value, " ", op.Children[4].Value, " ", filter, err, op.Children[7].Children[0].Value)
	if want := `cn=a\2C(b),dc=x 2 3 5 7 (mail=a,\28b\29@c)<nil>1.1`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPlain: who we are, in one message.
func TestPlain(t *testing.T) {
	f := newFake(t, func(id int64, op *ber.Packet) []byte {
		if op.Tag == goldap.ApplicationBindRequest {
			if mechanism := op.Children[2].Children[0].Value; mechanism != "PLAIN" {
				return bound(id, noMechanism)
			}
			return bound(id, 0)
		}
		return append(entry(id, "a"), done(id, 0)...)
	})
	_, table := f.open("bind", "sasl", "sasl_mechs", "EXTERNAL PLAIN", "bind_dn", "user", "bind_pw", "pass word", "sasl_authz_id", "u:other")
	if values, err := table.Lookup(t.Context(), "key"); err != nil || len(values) != 1 {
		t.Fatal(values, err)
	}
	f.Lock()
	if got := f.requests[1].Children[2].Children[1].Data.String(); got != "u:other\x00user\x00pass word" {
		t.Errorf("got %q", got)
	}
	f.Unlock()
	table.Close()                                        // there is one connection at a time
	_, table = f.open("bind", "sasl", "bind_dn", "user") // without encryption a password is not given away unasked
	if _, err := table.Lookup(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), "-6 (Unknown authentication method): the server has none of: DIGEST-MD5") {
		t.Error(err)
	}
}

// challenge is what a server says in an answer to a request to bind.
func challenge(text string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, text, "")
}

// TestDigest is the example of RFC 2831, and servers that do not know the
// password.
func TestDigest(t *testing.T) {
	const first = `realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8`
	d := &digest{account: &account{user: "chris", password: "secret"}, uri: "imap/elwood.innosoft.com", cnonce: "OA6MHXh6VqTrRk"}
	response, err := d.next([]byte(first))
	if err != nil || !strings.Contains(string(response), ",response=d388dad90d4bbd760a152321f2143af7,") {
		t.Errorf("got %s, %v", response, err)
	}
	if response, err := d.next([]byte("rspauth=ea40f60335c427b5527b84dbabcdfffd")); err != nil || response == nil || !d.proved {
		t.Errorf("got %q, %v", response, err)
	}
	for _, row := range []struct {
		challenges []string // the last one comes with success
		want       string
	}{
		{[]string{first, ""}, "the server has not shown that it knows the password"},
		{[]string{first, "rspauth=ea40f60335c427b5527b84dbabcdfffd"}, "the server does not know the password"},
		{[]string{first, first, ""}, "the server does not know the password"},
		{[]string{`nonce="x",qop="auth-conf",algorithm=md5-sess`, ""}, "the server wants auth-conf"},
		{[]string{`nonce="x",qop="auth-conf, auth",algorithm=md5-sess`, ""}, "the server has not shown"},
		{[]string{`nonce="x`, ""}, "a challenge without an end"},
		{[]string{`nonce`, ""}, "a challenge that is none"},
		{[]string{`qop="auth",algorithm=md5-sess`, ""}, "a challenge that is none"},
		{[]string{""}, "the server has not shown"},
	} {
		n := 0
		f := newFake(t, func(id int64, op *ber.Packet) []byte {
			if op.Tag != goldap.ApplicationBindRequest {
				return append(entry(id, "a"), done(id, 0)...)
			}
			text := row.challenges[n]
			n++
			code := moreToCome
			if n == len(row.challenges) {
				code = 0
			}
			if text == "" {
				return bound(id, code)
			}
			return bound(id, code, challenge(text))
		})
		_, table := f.open("bind", "sasl", "sasl_mechs", "DIGEST-MD5", "bind_dn", "user", "bind_pw", "x")
		if _, err := table.Lookup(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: got %v, want %s", row.challenges, err, row.want)
		}
		table.Close()
	}
}

func TestDirectives(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", "map[]"},
		{`a=b, C="d\"e,f" ,,g=`, `map[a:b c:d"e,f g:]`},
		{`a=b,a=c`, `map[a:b]`},
		{`a="b`, "DIGEST-MD5: a challenge without an end"},
		{`a="b\`, "DIGEST-MD5: a challenge without an end"},
		{`a`, "DIGEST-MD5: a challenge that is none"},
	} {
		values, err := directives(row.text)
		got := fmt.Sprint(values)
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%q: got %s, want %s", row.text, got, row.want)
		}
	}
}

func FuzzDirectives(f *testing.F) {
	f.Add(`realm="a\"b",qop=auth,nonce="x"`)
	f.Fuzz(func(t *testing.T, text string) {
		values, err := directives(text)
		if err != nil {
			return
		}
		var b strings.Builder
		for name, value := range values {
			fmt.Fprintf(&b, "%s=%s,", name, quoted(value))
		}
		again, err := directives(b.String())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(values) {
			t.Fatalf("%q: %q became %q, %v", text, values, again, err)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"server_host", "http://x", "http://x: not an LDAP URL"},
		{"server_host", "", "there is no server"},
		{"search_base", "%x", "invalid template: %x"},
		{"query_filter", "%", "invalid template: %"},
		{"tls_cipher_suite", "HIGH:!aNULL:TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 !AES", "tls_cipher_suite: !AES is not known here"},
		{"tls_cipher_suite", "SECURE128:-VERS-TLS1.0:%x", "tls_cipher_suite: %x is not known here"},
	} {
		s := worker.NewSettings("server_host", "ldap://h", "search_base", "x", "query_filter", "x", "result_format", "%s", row.name, row.value)
		if table, err := Open(s); err == nil || err.Error() != row.want {
			t.Errorf("%s = %s: got %v, %v, want %s", row.name, row.value, table, err, row.want)
		}
	}
	var s security
	if err := s.parseSuites("HIGH,ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA"); err != nil || len(s.suites) != 2 {
		t.Errorf("%v, %v", s.suites, err)
	}
}

// TestBadFilter: a filter that makes none with any key is a matter of
// configuration; one in the directory is not.
func TestBadFilter(t *testing.T) {
	f := newFake(t, func(id int64, _ *ber.Packet) []byte { return append(entry(id, "ldap:///dc=x?v??(("), done(id, 0)...) })
	_, table := f.open("query_filter", "(&(k=%s)", "special_result_attribute", "w")
	_, err := table.Lookup(t.Context(), "key")
	if _, ok := errors.AsType[worker.ConfigError](err); !ok || err.Error() != "dict_ldap_lookup: Search error -7: Bad search filter" {
		t.Error(err)
	}
	_, table = f.open("special_result_attribute", "v", "result_attribute", "w")
	_, err = table.Lookup(t.Context(), "key")
	if _, ok := errors.AsType[worker.ConfigError](err); ok || err == nil || err.Error() != "dict_ldap_get_values[1]: search error -7: Bad search filter" {
		t.Error(err)
	}
}

func TestPertinent(t *testing.T) {
	for _, row := range []struct{ table, asked, want string }{
		{"mail cn", "", "[mail cn]"},
		{"mail cn", "CN", "[cn]"},
		{"mail", "cn", "[]"},
		{"mail;x", "mail", "[mail;x]"},
		{"mail", "mail;x", "[mail;x]"},
		{"mail;x", "mail;y", "[]"},
		{"mail;x", "MAIL;X", "[mail;x]"},
	} {
		if got := fmt.Sprint(pertinent(strings.Fields(row.table), strings.Fields(row.asked))); got != row.want {
			t.Errorf("%q of %q: got %s, want %s", row.asked, row.table, got, row.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, row := range []struct {
		err  error
		late bool
		want string
	}{
		{goldap.NewError(49, errors.New("")), false, "49 Invalid credentials"},
		{goldap.NewError(49, errors.New("who?")), true, "49 Invalid credentials: who?"},
		{goldap.NewError(goldap.ErrorNetwork, errors.New("gone")), false, "-1 Can't contact LDAP server: gone"},
		{goldap.NewError(goldap.ErrorNetwork, errors.New("gone")), true, "-5 Timed out"},
		{goldap.NewError(goldap.ErrorFilterCompile, errors.New("x")), false, "-7 Bad search filter"},
		{goldap.ErrSizeLimitExceeded, false, "4 Size limit exceeded"},
		{goldap.NewError(69, errors.New("")), false, "69 Object Class Mods Prohibited"},
	} {
		f := answered(row.err, row.late)
		if got := fmt.Sprint(f.code, " ", f); got != row.want {
			t.Errorf("%v: got %s, want %s", row.err, got, row.want)
		}
	}
}

// TestRefused: what is about one key is told from what is about the server.
func TestRefused(t *testing.T) {
	f := newFake(t, func(id int64, _ *ber.Packet) []byte { return done(id, 0) })
	_, table := f.open("start_tls", "yes", "tls_require_cert", "yes", "tls_ca_cert_file", "/nowhere")
	_, err := table.Lookup(t.Context(), "key")
	if _, refused := errors.AsType[worker.Refused](err); err == nil || refused || !strings.Contains(err.Error(), "Unable to set tls_ca_cert_file to /nowhere") {
		t.Errorf("a file that is not there: %v", err)
	}
	for code, want := range map[int]bool{4: true, 34: true, 50: true, 53: true, 1: false, 3: false, 10: false, 51: false, 52: false, 80: false, serverDown: false, timedOut: false} {
		if _, got := errors.AsType[worker.Refused](refused(searchError("search", &failure{code: code}))); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
}
