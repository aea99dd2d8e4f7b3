// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// webServer has a value for every key that does not begin with "no".
type webServer struct {
	*httptest.Server
	w    *netWorld
	addr string
	mu   sync.Mutex
	open map[net.Conn]bool
	most int           // connections at once
	busy int           // requests that wait
	wait chan struct{} // until it is closed; nil: not at all
}

// newWeb starts a server, at an address where one has been if it is not empty.
func newWeb(w *netWorld, addr string) *webServer {
	w.t.Helper()
	s := &webServer{w: w, open: map[net.Conn]bool{}}
	s.Server = httptest.NewUnstartedServer(s)
	if addr != "" {
		ln, err := net.Listen("tcp", addr)
		w.must(err)
		_ = s.Listener.Close()
		s.Listener = ln
	}
	s.addr = s.Listener.Addr().String()
	s.Config.ConnState = func(c net.Conn, state nethttp.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch state {
		case nethttp.StateNew:
			s.open[c] = true
			s.most = max(s.most, len(s.open))
		case nethttp.StateClosed, nethttp.StateHijacked:
			delete(s.open, c)
		case nethttp.StateActive, nethttp.StateIdle:
		}
	}
	s.Start()
	w.t.Cleanup(s.stop)
	return s
}

// stop ends it, with all connections.
func (s *webServer) stop() {
	s.hold(false)
	s.CloseClientConnections()
	s.Close()
}

// hold has requests wait, or lets them go.
func (s *webServer) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wait != nil {
		close(s.wait)
		s.wait = nil
	}
	if on {
		s.wait, s.busy = make(chan struct{}), 0
	}
}

func (s *webServer) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

func (s *webServer) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	wait := s.wait
	s.busy++
	s.mu.Unlock()
	s.w.Loop.Post(func() {}) // the test may wait for this
	if wait != nil {
		<-wait
	}
	key := strings.TrimPrefix(r.URL.Path, "/at/")
	switch {
	case r.URL.Query().Get("k") != key:
		w.WriteHeader(nethttp.StatusBadRequest)
	case strings.HasPrefix(key, "no"):
		nethttp.NotFound(w, r)
	case r.Header.Get("Accept") == "application/json":
		list := []any{"one@a.example", nil, "", "plain", 17, "two@b.example"}
		if key != "many@example.com" {
			list = []any{"value of " + key}
		}
		text, _ := json.Marshal(map[string]any{"data": map[string]any{"boxes": list}})
		_, _ = w.Write(text)
	default:
		_, _ = io.WriteString(w, "value of "+key+"\n")
	}
}

// TestHTTPInterop: every sort of keys arrives at a real server as it is, and what
// it has for them here.
func TestHTTPInterop(t *testing.T) {
	w := newWorkerWorld(t, "table-http")
	s := newWeb(w, "")
	url := "url = " + s.URL + "/at/%s?k=%s\n"
	text := w.open("http:" + w.file(url))
	doc := w.open("http:" + w.file(url+"format = json\nmember = data.boxes\nresult_format = <%s>\n"))
	found := 0
	for _, key := range append(oddKeys(), "..", ".", "a/../b", "a//b", "/", "?k=x", "#", "%2e%2e/") {
		folded, ok := Fold(key, postmapFlags, Fixed)
		want := Answer{Value: "value of " + folded}
		switch {
		case !ok, strings.HasPrefix(folded, "no"), folded == "..", folded == ".", folded == "a/../b":
			want = Answer{Status: NoKey}
		case !jsonKey(folded):
		default:
			found++
		}
		w.expect(w.askAsPostmap(text, key), want)
		if want.Status == OK && jsonKey(folded) {
			want.Value = "<" + want.Value + ">"
			w.expect(w.askAsPostmap(doc, key), want)
		}
	}
	if found < 300 {
		t.Errorf("%d keys found", found)
	}
	w.expect(w.askAsPostmap(doc, "many@example.com"), Answer{Value: "<one@a.example>,<plain>,<17>,<two@b.example>"})
	some := w.open("http:" + w.file(url+"format = json\nmember = data.boxes\nresult_format = [%d] %U\ndomain = example.com\nexpansion_limit = 2\n"))
	w.expect(w.askAsPostmap(some, "many@example.com"), Answer{Value: "[a.example] many,[b.example] many"})
	w.expect(w.askAsPostmap(some, "many@example.org"), Answer{Status: NoKey})
	w.expect(w.askAsPostmap(w.open("http:"+w.file(url+"format = json\nmember = data.boxes\nexpansion_limit = 3\n")), "many@example.com"), tryAgain)
	if text := w.logged(); !strings.Contains(text, `empty lookup result for: "many@example.com" -- ignored`) || !strings.Contains(text, "Expansion limit exceeded for key 'many@example.com'") {
		t.Error(text)
	}
	w.expect(w.askAsPostmap(w.open("http:"+w.file("url = "+s.URL+"/at/%s\n")), "k"), Answer{Status: Config})
	w.expect(w.askAsPostmap(w.open("http:"+w.file(url+"format = json\nmember = data\n")), "k"), Answer{Status: Config})
	if text := w.logged(); !strings.Contains(text, "query failed for key 'k': the server answers 400 Bad Request") || !strings.Contains(text, "query failed for key 'k': an object instead of a value in the answer") {
		t.Error(text)
	}
	bad := w.open("http:" + w.file("url = https://"+s.addr+"/\ntls_CAfile = "+w.file("no certificate")+"\n"))
	w.expect(w.askAsPostmap(bad, "k"), tryAgain)
	if text := w.logged(); !strings.Contains(text, "table-http: no certificate in tls_CAfile") {
		t.Error(text)
	}
}

// jsonKey reports whether a key can be in a document: encoding/json's makes other
// characters of those that are none.
func jsonKey(key string) bool { return strings.ToValidUTF8(key, "") == key }

// TestHTTPServerInTrouble: a server that hangs, goes away and comes back in the
// middle of traffic costs no wrong answer, and there are never more connections to
// it than workers.
func TestHTTPServerInTrouble(t *testing.T) {
	w := newWorkerWorld(t, "table-http")
	w.Limits = func(string) Limits { // a server that is left alone has tests of its own
		l := DefaultLimits
		l.Failures = 0
		return l
	}
	s := newWeb(w, "")
	tab := w.open("http:" + w.file("url = "+s.URL+"/at/%s?k=%s\ntimeout = 600\n"))
	fine := func(key string) {
		t.Helper()
		w.expect(w.ask(tab, key), Answer{Value: "value of " + key})
	}
	ask := func(n int) (list []*reply) {
		for i := range n {
			list = append(list, w.get(tab, fmt.Sprint("key", i)))
		}
		return list
	}
	fine("first")
	s.hold(true)
	list := ask(30)
	w.until(func() bool { return s.waiting() == DefaultLimits.Connections })
	looptest.Advance(w.Loop, DefaultLimits.Deadline+workerGrace)
	for _, r := range list {
		w.until(func() bool { return r.here })
		w.expect(r.Answer, tryAgain)
	}
	if text := w.logged(); !strings.Contains(text, "table-http: Connection timed out") {
		t.Error(text)
	}
	s.hold(false)
	fine("second")

	s.hold(true)
	list = ask(30)
	w.until(func() bool { return s.waiting() >= 1 })
	s.stop() // whoever has asked is not answered, and nobody is there to ask again
	for i, r := range list {
		w.until(func() bool { return r.here })
		if r.Answer != tryAgain && r.Answer != (Answer{Value: fmt.Sprint("value of key", i)}) {
			t.Errorf("key%d: got %+v", i, r.Answer)
		}
	}
	w.expect(w.ask(tab, "gone"), tryAgain)
	if text := w.logged(); !strings.Contains(text, "connect to "+s.addr+": Connection refused") {
		t.Error(text)
	}
	again := newWeb(w, s.addr)
	for i, r := range ask(100) {
		w.until(func() bool { return r.here })
		w.expect(r.Answer, Answer{Value: fmt.Sprint("value of key", i)})
	}
	for _, s := range []*webServer{s, again} {
		if s.most > DefaultLimits.Connections {
			t.Errorf("%d connections at once", s.most)
		}
	}
}

// TestHTTPSlow: a table gives a slow server the time that its settings say, and
// no more.
func TestHTTPSlow(t *testing.T) {
	w := newWorkerWorld(t, "table-http")
	s := newWeb(w, "")
	tab := w.open("http:" + w.file("url = "+s.URL+"/at/%s?k=%s\ntimeout = 1\n"))
	s.hold(true)
	began := time.Now()
	w.expect(w.ask(tab, "k"), tryAgain)
	if text := w.logged(); time.Since(began) < time.Second || !strings.Contains(text, "query failed for key 'k': Connection timed out") {
		t.Error(text)
	}
	s.hold(false)
	w.expect(w.ask(tab, "k"), Answer{Value: "value of k"})
	if n := w.Loop.Children(); n != 1 {
		t.Errorf("%d workers", n)
	}
}
