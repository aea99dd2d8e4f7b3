// SPDX-License-Identifier: ISC

package http

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/services/table/worker"
)

// asker is a table as a worker has it.
type asker struct {
	worker.Table
	t *testing.T
	s *worker.Settings
}

// open opens a table, with settings over the usual ones.
func open(t *testing.T, settings ...string) *asker {
	t.Helper()
	s := worker.NewSettings(append([]string{
		"name", "t.cf", "format", "text", "timeout", "60", "data_size_limit", "1000", "max_redirects", "0", "tls_verify_cert", "yes",
	}, settings...)...)
	table, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return &asker{table, t, s}
}

// ask spells an answer.
func (a *asker) ask(key string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	return strings.ReplaceAll(spellFound(a.Lookup(ctx, key)), fmt.Sprintf("http:t.cf: query failed for key '%s': ", key), "")
}

// says checks an answer.
func (a *asker) says(key, want string) {
	a.t.Helper()
	if got := a.ask(key); got != want {
		a.t.Errorf("%s: got %s, want %s", key, got, want)
	}
}

// counted is a server of the standard library that counts its connections.
type counted struct {
	*httptest.Server
	mu    sync.Mutex
	conns int
	last  *nethttp.Request
}

func (c *counted) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns
}

// request is the last one.
func (c *counted) request() *nethttp.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// serve starts a server; prepare may set it up before.
func serve(t *testing.T, prepare func(s *httptest.Server), answer nethttp.HandlerFunc) *counted {
	t.Helper()
	c := &counted{}
	c.Server = httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		c.mu.Lock()
		c.last = r
		c.mu.Unlock()
		answer(w, r)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, s nethttp.ConnState) {
		if s == nethttp.StateNew {
			c.mu.Lock()
			c.conns++
			c.mu.Unlock()
		}
	}
	if prepare == nil {
		c.Start()
	} else {
		prepare(c.Server)
	}
	t.Cleanup(c.Close)
	return c
}

// byKey answers what its keys say.
func byKey(w nethttp.ResponseWriter, r *nethttp.Request) {
	key := r.URL.Query().Get("k")
	var code int
	switch _, err := fmt.Sscanf(key, "status-%d", &code); {
	case err == nil:
		w.WriteHeader(code)
	case key == "none":
		nethttp.NotFound(w, r)
	case key == "empty":
	case key == "lines":
		_, _ = io.WriteString(w, "one@a.example\r\n\n\ntwo@b.example\n")
	case key == "null":
		_, _ = io.WriteString(w, "a\x00b")
	case key == "long":
		_, _ = io.WriteString(w, strings.Repeat("x", 1001))
	case key == "full":
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	case key == "chunks":
		for range 1000 {
			_, _ = io.WriteString(w, "x")
			_ = nethttp.NewResponseController(w).Flush()
		}
	case key == "more":
		for range 1001 {
			_, _ = io.WriteString(w, "x")
			_ = nethttp.NewResponseController(w).Flush()
		}
	case key == "early":
		w.Header().Set("Link", "</x>")
		w.WriteHeader(nethttp.StatusEarlyHints)
		_, _ = io.WriteString(w, "after all")
	case key == "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 1<<20))
		_ = z.Close()
	default:
		_, _ = io.WriteString(w, "value of "+key+"\n")
	}
}

func TestAnswers(t *testing.T) {
	s := serve(t, nil, byKey)
	a := open(t, "url", s.URL+"/at?k=%s")
	for _, row := range [][2]string{
		{"k", `["value of k"]`},
		{"none", `[]`},
		{"a b&c=d#é\xff+%41/..", `["value of a b&c=d#é\xff+%41/.."]`},
		{"empty", `[""]`},
		{"lines", `["one@a.example" "" "two@b.example"]`},
		{"early", `["after all"]`},
		{"full", fmt.Sprintf("[%q]", strings.Repeat("x", 1000))},
		{"chunks", fmt.Sprintf("[%q]", strings.Repeat("x", 1000))},
		{"status-200", `[""]`},
		{"status-204", `[]`},
		{"status-404", `[]`},
		{"status-410", `[]`},
		{"status-400", "config: the server answers 400 Bad Request"},
		{"status-401", "config: the server answers 401 Unauthorized"},
		{"status-403", "config: the server answers 403 Forbidden"},
		{"status-405", "config: the server answers 405 Method Not Allowed"},
		{"status-499", "config: the server answers 499"},
		{"status-408", "retry: the server answers 408 Request Timeout"},
		{"status-425", "retry: the server answers 425 Too Early"},
		{"status-429", "retry: the server answers 429 Too Many Requests"},
		{"status-500", "refused: the server answers 500 Internal Server Error"},
		{"status-503", "retry: the server answers 503 Service Unavailable"},
		{"status-599", "retry: the server answers 599"},
		{"status-201", "retry: the server answers 201 Created"},
		{"status-203", "retry: the server answers 203 Non-Authoritative Information"},
		{"status-206", "retry: the server answers 206 Partial Content"},
		{"status-304", "config: the server answers 304 Not Modified"},
		{"status-302", "config: the server answers 302 Found"},
	} {
		a.says(row[0], row[1])
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	a.says("null", "refused: a null byte in the answer")
	a.says("long", "refused: 1001 bytes in the answer, above the limit of 1000")
	a.says("more", "refused: more bytes in the answer than the limit of 1000")
	a.says("gzip", `retry: an answer in a coding that was not asked for: ["gzip"]`)
	a.says("k", `["value of k"]`)
	if lines := a.s.Messages(); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
}

// TestRequest: what the server is asked, and by whom.
func TestRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	s := serve(t, nil, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, `{"a": 1}`) })
	a := open(t, "url", s.URL+"/mail%%20box/%d/%u?q=%s&x=%2", "format", "json", "member", "a", "user", "me", "password", "s e:cret", "headers", "X-One: 1\nhost: other.example\nuser-agent: me\nAccept: x/y")
	a.says("o'b /é?#%41@mail.example.com", `["1"]`)
	r := s.request()
	if want := "/mail%20box/mail.example.com/o%27b%20%2F%C3%A9%3F%23%2541?q=o%27b%20%2F%C3%A9%3F%23%2541%40mail.example.com&x=example"; r.RequestURI != want {
		t.Errorf("asked for %s, want %s", r.RequestURI, want)
	}
	user, password, _ := r.BasicAuth()
	if r.Method != "GET" || r.Host != "other.example" || user != "me" || password != "s e:cret" || r.UserAgent() != "me" || r.Header.Get("X-One") != "1" || r.Header.Get("Accept") != "x/y" || r.Header.Get("Accept-Encoding") != "identity" || len(r.Header) != 5 {
		t.Errorf("%s of %s by %s, %q: %q", r.Method, r.Host, user, password, r.Header)
	}
	for _, key := range []string{"nodomain", "..@mail.example.com", ".@mail.example.com", "a/../b@mail.example.com", `..\b@mail.example.com`, "u@..", "u@.", "u@one"} {
		a.says(key, `[]`)
	}
	if s.request() != r {
		t.Errorf("asked for %s", s.request().RequestURI)
	}
	a.says("...@mail.example.com", `["1"]`)
}

func TestRedirects(t *testing.T) {
	other := serve(t, nil, byKey)
	s := serve(t, nil, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		switch {
		case r.URL.Path == "/other":
			nethttp.Redirect(w, r, other.URL+"/at?k=k", nethttp.StatusFound)
		case r.URL.Path == "/tls":
			w.Header().Set("Location", strings.Replace("http://"+r.Host+"/0", "http:", "https:", 1))
			w.WriteHeader(nethttp.StatusMovedPermanently)
		case r.URL.Path == "/bad":
			w.Header().Set("Location", "http://[::1")
			w.WriteHeader(nethttp.StatusFound)
		case r.URL.Path == "/401":
			w.Header().Set("Location", "/0")
			w.WriteHeader(nethttp.StatusUnauthorized)
		case n == 0:
			_, _ = io.WriteString(w, "here")
		default:
			nethttp.Redirect(w, r, fmt.Sprintf("/%d#there", n-1), []int{301, 302, 303, 307, 308}[n%5])
		}
	})
	a := open(t, "url", s.URL+"/%s", "max_redirects", "3")
	a.says("0", `["here"]`)
	a.says("3", `["here"]`)
	a.says("4", "config: the server answers 302 Found, once more than max_redirects allows")
	a.says("401", "config: the server answers 401 Unauthorized")
	a.says("other", fmt.Sprintf("config: the server answers 302 Found, and names another one: %q", other.URL+"/at?k=k"))
	a.says("tls", fmt.Sprintf("config: the server answers 301 Moved Permanently, and names another one: %q", strings.Replace(s.URL, "http:", "https:", 1)+"/0"))
	a.says("bad", `config: the server answers 302 Found, and names another one: "http://[::1"`)
	if other.connections() != 0 || s.connections() != 1 {
		t.Error("somebody else was asked")
	}
	a = open(t, "url", s.URL+"/%s")
	a.says("1", "config: the server answers 302 Found, once more than max_redirects allows")
}

// TestSocket: a server at a path, which is another one the next time.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	start := func(text string) *counted {
		return serve(t, func(s *httptest.Server) {
			ln, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Listener.Close()
			s.Listener = ln
			s.Start()
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) { _, _ = io.WriteString(w, text+" "+r.Host) })
	}
	s := start("one")
	a := open(t, "url", "http://name/%s", "socket", path)
	a.says("k", `["one name"]`)
	s.Close()
	a.says("k", "retry: connect to "+path+": No such file or directory")
	start("two")
	a.says("k", `["two name"]`)
}

// authority is one that makes certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	text string // in PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key, a.cert, a.text = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue signs a certificate; the first one itself.
func (a *authority) issue(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	a.must(err)
	made, err := x509.ParseCertificate(der)
	a.must(err)
	return key, made, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// pair is a certificate and its key, in PEM.
func (a *authority) pair(c *x509.Certificate) (cert, key string) {
	a.t.Helper()
	private, _, cert := a.issue(c)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	a.must(err)
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a *authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	text, secret := ours.pair(&x509.Certificate{DNSNames: []string{"mail.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.X509KeyPair([]byte(text), []byte(secret))
	ours.must(err)
	clients := x509.NewCertPool()
	clients.AddCert(ours.cert)
	start := func(c *tls.Config) *counted {
		c.Certificates = []tls.Certificate{pair}
		return serve(t, func(s *httptest.Server) {
			s.TLS = c
			s.StartTLS()
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			who := "nobody"
			if len(r.TLS.PeerCertificates) > 0 {
				who = r.TLS.PeerCertificates[0].Subject.CommonName
			}
			_, _ = fmt.Fprintf(w, "%s at %s by %s", who, r.TLS.ServerName, r.Proto)
		})
	}
	s := start(&tls.Config{NextProtos: []string{"h2", "http/1.1"}})
	name := []string{"url", s.URL + "/%s", "tls_server_name", "mail.example"}
	with := func(more ...string) *asker { return open(t, append(slices.Clone(name), more...)...) }

	a := with("tls_CAfile", ours.text)
	for range 3 {
		a.says("k", `["nobody at mail.example by HTTP/1.1"]`)
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	for _, row := range []struct {
		a    *asker
		want string
	}{
		{with(), "certificate signed by unknown authority"},
		{with("tls_CAfile", theirs.text), "certificate signed by unknown authority"},
		{open(t, "url", s.URL+"/%s", "tls_CAfile", ours.text), "doesn't contain any IP SANs"},
		{open(t, "url", s.URL+"/%s", "tls_CAfile", ours.text, "tls_server_name", "other.example"), "not other.example"},
		{open(t, "url", strings.Replace(s.URL, "https:", "http:", 1)+"/%s"), "config: the server answers 400 Bad Request"},
	} {
		if got := row.a.ask("k"); !strings.Contains(got, row.want) {
			t.Errorf("got %s, want %s", got, row.want)
		}
	}
	open(t, "url", s.URL+"/%s", "tls_verify_cert", "no").says("k", `["nobody at  by HTTP/1.1"]`)
	plain := serve(t, nil, byKey)
	open(t, "url", strings.Replace(plain.URL, "http:", "https:", 1)+"/%s").says("k", "retry: connect to "+plain.Listener.Addr().String()+": tls: first record does not look like a TLS handshake")

	s = start(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS13})
	name[1] = s.URL + "/%s"
	cert, key := ours.pair(&x509.Certificate{Subject: pkix.Name{CommonName: "proxymap"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	with("tls_CAfile", ours.text, "tls_cert_file", cert, "tls_key_file", key).says("k", `["proxymap at mail.example by HTTP/1.1"]`)
	if got := with("tls_CAfile", ours.text).ask("k"); !strings.HasPrefix(got, "retry: ") {
		t.Errorf("without a certificate: %s", got)
	}
	for _, row := range []struct{ param, text, want string }{
		{"tls_CAfile", "nothing", "no certificate in tls_CAfile"},
		{"tls_cert_file", cert, "tls_cert_file, tls_key_file: tls: failed to find any PEM data in key input"},
		{"url", "ftp://x/", "need http://host/ or https://host/: url = ftp://x/"},
		{"member", "a.", "no way to a member: a."},
	} {
		if _, err := Open(worker.NewSettings("url", "https://h/", row.param, row.text)); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.param, err, row.want)
		}
	}
}

// rude is a server that says what a test has it say, whatever it is asked.
type rude struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	want []string // one after the other; the last one for ever
	reqs int
	cons int
}

// stay at the end of what is said keeps the connection open.
const stay = "\x00stay"

func newRude(t *testing.T, sayings ...string) *rude {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rude{t: t, addr: ln.Addr().String(), want: sayings}
	var wg sync.WaitGroup
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
			r.mu.Lock()
			r.cons++
			r.mu.Unlock()
			wg.Go(func() { r.serve(c) })
		}
		for _, c := range conns {
			_ = c.Close()
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return r
}

func (r *rude) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // whatever it says
	in := bufio.NewReader(c)
	for {
		if _, err := nethttp.ReadRequest(in); err != nil {
			return
		}
		r.mu.Lock()
		text := r.want[0]
		if len(r.want) > 1 {
			r.want = r.want[1:]
		}
		r.reqs++
		r.mu.Unlock()
		said, more := strings.CutSuffix(text, stay)
		if _, err := io.WriteString(c, said); err != nil || !more {
			return
		}
	}
}

func (r *rude) counts() (requests, connections int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reqs, r.cons
}

// TestRude: no server gets us to answer what it has not said.
func TestRude(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	const eof = "retry: unexpected EOF"
	for _, row := range []struct{ name, text, want, json string }{
		{"nothing", "", eof, eof},
		{"a beginning, and then nothing", "HTTP/1.1 200 OK\r\nContent-", eof, eof},
		{"half a line", "HTTP/1.1 20", eof, eof},
		{"half a header", head + "Content-Le", eof, eof},
		{"no body", head + "Content-Length: 5\r\n\r\n", eof, eof},
		{"half a body", head + "Content-Length: 9\r\n\r\n\"box\"", eof, eof},
		{"no end", head + "\r\n\"box\"", "retry: an answer that does not say where it ends", `["box"]`},
		{"no end of a number", head + "\r\n12", "retry: an answer that does not say where it ends", "retry: an answer that does not say where it ends"},
		{"an older end", "HTTP/1.0 200 OK\r\n\r\n\"box\"", "retry: an answer that does not say where it ends", `["box"]`},
		{"half of JSON", head + "\r\n{\"a\": \"box\"", "retry: an answer that does not say where it ends", "retry: the answer is not JSON"},
		{"half a chunk", head + "Transfer-Encoding: chunked\r\n\r\n9\r\n\"box\"", eof, eof},
		{"no last chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n\"box\"\r\n", eof, eof},
		{"a bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\"box\"\r\n0\r\n\r\n", "retry: invalid byte in chunk length", "retry: invalid byte in chunk length"},
		{"a chunk without end", head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "retry: http chunk length too large", "retry: http chunk length too large"},
		{"two lengths", head + "Content-Length: 5\r\nContent-Length: 4\r\n\r\n\"box\"", "retry: http: message cannot contain multiple Content-Length headers; got [\"5\" \"4\"]", ""},
		{"a bad length", head + "Content-Length: -5\r\n\r\n\"box\"", "retry: bad Content-Length \"-5\"", ""},
		{"a long length", head + "Content-Length: 99999999999\r\n\r\n" + stay, "refused: 99999999999 bytes in the answer, above the limit of 1000", ""},
		{"another coding", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "retry: unsupported transfer encoding: \"gzip, chunked\"", ""},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n" + stay, "retry: malformed HTTP response \"SSH-2.0-OpenSSH_9.2\"", ""},
		{"a status of words", "HTTP/1.1 OK\r\n\r\n", "retry: malformed HTTP status code \"OK\"", ""},
		{"a status of 0", "HTTP/1.1 000 Ok\r\n\r\n", "", ""},
		{"a header without end", head + strings.Repeat("X: y\r\n", 20000) + "\r\n", "retry: the answer is too long", "retry: the answer is too long"},
		{"a line without end", strings.Repeat("x", 1<<20), "retry: the answer is too long", "retry: the answer is too long"},
		{"endless hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 6) + stay, "retry: an answer that does not come to an end", ""},
		{"other protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + stay, "retry: an answer that does not come to an end", ""},
		{"half of not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nnot f", `[]`, `[]`},
		{"more than not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n" + stay, `[]`, `[]`},
		{"a body of none", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" + stay, `[]`, `[]`},
	} {
		for _, format := range []string{"text", "json"} {
			want := row.want
			if format == "json" && row.json != "" {
				want = row.json
			}
			r := newRude(t, row.text, head+"Content-Length: 6\r\n\r\n\"fine\""+stay)
			a := open(t, "url", "http://"+r.addr+"/%s", "format", format)
			if got := a.ask("k"); got != want && (want != "" || !strings.HasPrefix(got, "retry: ")) {
				t.Errorf("%s, %s: got %s, want %s", row.name, format, got, want)
			}
			fine := map[string]string{"text": `["\"fine\""]`, "json": `["fine"]`}[format]
			for range 2 {
				if got := a.ask("k"); got != fine {
					t.Errorf("%s, %s: afterwards %s", row.name, format, got)
				}
			}
			if requests, connections := r.counts(); requests != 3 || connections != 2 {
				t.Errorf("%s, %s: %d requests over %d connections", row.name, format, requests, connections)
			}
		}
	}
}

// TestStray: what comes behind an answer is not the next one, be it in the same
// packet or later, and over TLS as well.
func TestStray(t *testing.T) {
	reply := func(text string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
	ours := newAuthority(t)
	text, secret := ours.pair(&x509.Certificate{DNSNames: []string{"h"}})
	pair, err := tls.X509KeyPair([]byte(text), []byte(secret))
	ours.must(err)
	for _, row := range []struct {
		name   string
		over   bool // TLS
		writes []string
	}{
		{"in one piece", false, []string{reply("one") + reply("evil")}},
		{"in two", false, []string{reply("one"), reply("evil")}},
		{"a blank", false, []string{reply("one") + "\r\n"}},
		{"in one record", true, []string{reply("one") + reply("evil")}},
		{"in two records", true, []string{reply("one"), reply("evil")}},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		ours.must(err)
		said := make(chan bool)
		go func() {
			first := true
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				if row.over {
					c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}})
				}
				in := bufio.NewReader(c)
				for first {
					if _, err := nethttp.ReadRequest(in); err != nil {
						break
					}
					for _, text := range row.writes {
						_, _ = io.WriteString(c, text)
					}
					said <- true
					first = false
				}
				for {
					if _, err := nethttp.ReadRequest(in); err != nil {
						break
					}
					_, _ = io.WriteString(c, reply("two"))
				}
				_ = c.Close()
			}
		}()
		url := "http://" + ln.Addr().String() + "/%s"
		if row.over {
			url = "https" + strings.TrimPrefix(url, "http")
		}
		a := open(t, "url", url, "tls_CAfile", ours.text, "tls_server_name", "h")
		got := make(chan string)
		go func() { got <- a.ask("k") }()
		<-said
		if text := <-got; text != `["one"]` {
			t.Errorf("%s: got %s", row.name, text)
		}
		for range 2 {
			if text := a.ask("k"); text != `["two"]` {
				t.Errorf("%s: then %s", row.name, text)
			}
		}
		a.Close()
		_ = ln.Close()
	}
}

// TestClosed: a connection that the server has closed meanwhile is no failure, and
// one that it closes instead of answering is tried once more.
func TestClosed(t *testing.T) {
	const fine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
	r := newRude(t, fine+stay, "", fine, fine+stay, "HTTP/1.1 2", fine)
	a := open(t, "url", "http://"+r.addr+"/%s")
	a.says("k", `["fine"]`)
	a.says("k", `["fine"]`) // is closed, and asked for again
	if requests, connections := r.counts(); requests != 3 || connections != 2 {
		t.Errorf("%d requests over %d connections", requests, connections)
	}
	a.says("k", `["fine"]`)              // the server had closed
	a.says("k", "retry: unexpected EOF") // after a beginning
	a.says("k", `["fine"]`)              // over another
	if _, n := r.counts(); n != 4 {
		t.Errorf("%d connections", n)
	}
}

// TestDeadline: whoever is slow is given up, at whatever he is slow.
func TestDeadline(t *testing.T) {
	for _, text := range []string{stay, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi" + stay, "HTTP/1.1 200 OK\r\n" + stay, "HTTP/1.1 2" + stay} {
		r := newRude(t, text)
		a := open(t, "url", "http://"+r.addr+"/%s")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := a.Lookup(ctx, "k")
		cancel()
		if err == nil || !strings.HasSuffix(err.Error(), ": Connection timed out") {
			t.Errorf("%q: %v", text, err)
		}
		a = open(t, "url", "https://"+r.addr+"/%s") // waits for a greeting
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = a.Lookup(ctx, "k")
		cancel()
		if err == nil || !strings.Contains(err.Error(), ": connect to "+r.addr+": ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	open(t, "url", "http://"+addr+"/%s").says("k", "retry: connect to "+addr+": Connection refused")
}
