// SPDX-License-Identifier: ISC

package table

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
)

// netWorld is an Env under a test's control.
type netWorld struct {
	*Env
	t    testing.TB
	dir  string
	log  []string // what was logged
	conf int      // .cf files written
}

// newNetWorld makes an Env; l is looptest's, of either sort.
func newNetWorld(t testing.TB, l *loop.Loop) *netWorld {
	t.Helper()
	dir, err := os.MkdirTemp("", "net") // not t.TempDir: a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log := maillog.New("test")
	if err := log.Open(maillog.Dest{Kind: maillog.File, File: filepath.Join(dir, "log")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	w := &netWorld{Env: &Env{Loop: l, Log: log, Main: cfg.NewMain("main.cf")}, t: t, dir: dir}
	log.Tap(func(_, severity, text string) { w.log = append(w.log, severity+": "+text) })
	return w
}

// open opens a table that must open, and closes it when the test ends.
func (w *netWorld) open(ref string) Table {
	w.t.Helper()
	return w.openFor(ref, ReadOnly)
}

func (w *netWorld) openFor(ref string, m Mode) Table {
	w.t.Helper()
	tab, err := w.Open(ref, m, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(tab.Close)
	return tab
}

// file writes a .cf file and returns its path.
func (w *netWorld) file(text string) string {
	w.t.Helper()
	w.conf++
	path := filepath.Join(w.dir, fmt.Sprintf("%d.cf", w.conf))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// defaultPool is how many connections a table has at the most.
var defaultPool = DefaultLimits.Connections

// reply is an answer that may not have come yet.
type reply struct {
	Answer
	here  bool
	times int
}

// get asks without waiting.
func (w *netWorld) get(tab Table, key string) *reply {
	r := &reply{}
	inTurn := true
	a := tab.Get(key, FoldFix|FoldMul, func(a Answer) {
		if inTurn {
			w.t.Errorf("%q: answered in the turn of the request", key)
		}
		r.Answer, r.here = a, true
		r.times++
	})
	inTurn = false
	if a.Status != Later {
		r.Answer, r.here = a, true
	}
	return r
}

// ask asks and waits.
func (w *netWorld) ask(tab Table, key string) Answer {
	w.t.Helper()
	r := w.get(tab, key)
	w.until(func() bool { return r.here })
	return r.Answer
}

func (w *netWorld) until(cond func() bool) {
	w.t.Helper()
	looptest.Until(w.t, w.Loop, cond)
}

// logged returns what was logged since the last time.
func (w *netWorld) logged() string {
	text := strings.Join(w.log, "\n")
	w.log = nil
	return text
}

// fakeServer is a server with a mind of its own.
type fakeServer struct {
	t             testing.TB
	network, addr string
	read          func(*bufio.Reader) (request string, err error)
	answer        func(request string) saying
	greeting      string // to every client, unasked
	poke          func() // has the test look whether what it waits for has come

	mu       sync.Mutex
	ln       net.Listener
	conns    map[net.Conn]bool
	asked    []string
	accepted int
	wg       sync.WaitGroup
}

// saying is what a server does about a request.
type saying struct {
	text    string
	wait    chan struct{} // closed: go on
	dribble bool          // byte by byte
	flood   bool          // say it for ever
	hangUp  bool          // afterwards
}

func say(text string) saying { return saying{text: text} }

// newFake starts a server on a TCP port of this machine, or on a path.
func newFake(w *netWorld, network, addr string, read func(*bufio.Reader) (string, error), answer func(string) saying) *fakeServer {
	w.t.Helper()
	f := &fakeServer{t: w.t, network: network, addr: addr, read: read, answer: answer}
	f.poke = func() { w.Loop.Post(func() {}) }
	f.start()
	w.t.Cleanup(f.stop)
	return f
}

func (f *fakeServer) start() {
	f.t.Helper()
	ln, err := net.Listen(f.network, f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.ln, f.addr, f.conns = ln, ln.Addr().String(), map[net.Conn]bool{}
	f.mu.Unlock()
	f.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			if f.ln != ln {
				f.mu.Unlock()
				_ = c.Close()
				return
			}
			f.conns[c] = true
			f.accepted++
			f.mu.Unlock()
			f.poke()
			f.wg.Go(func() { f.serve(c) })
		}
	})
}

// stop ends the server and all its connections.
func (f *fakeServer) stop() {
	f.mu.Lock()
	if f.ln != nil {
		_ = f.ln.Close()
		f.ln = nil
	}
	f.mu.Unlock()
	f.hangUp()
	f.wg.Wait()
}

// hangUp ends its connections only.
func (f *fakeServer) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close()
	}
}

func (f *fakeServer) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
		f.poke()
	}()
	in := bufio.NewReader(c)
	if f.greeting != "" {
		_, _ = io.WriteString(c, f.greeting)
	}
	for {
		request, err := f.read(in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.asked = append(f.asked, request)
		answer := f.answer
		f.mu.Unlock()
		f.poke()
		s := answer(request)
		if s.wait != nil {
			<-s.wait
		}
		switch {
		case s.flood:
			for err == nil {
				_, err = io.WriteString(c, s.text)
			}
			return
		case s.dribble:
			for i := range s.text {
				if _, err := io.WriteString(c, s.text[i:i+1]); err != nil {
					return
				}
			}
		default:
			if _, err := io.WriteString(c, s.text); err != nil {
				return
			}
		}
		if s.hangUp {
			return
		}
	}
}

// requests returns what was asked so far.
func (f *fakeServer) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

func (f *fakeServer) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fakeServer) accepts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted
}

func (f *fakeServer) answers(answer func(string) saying) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// readLine reads a request of tcp: or memcache:, with its data.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if w := strings.Fields(line); len(w) == 5 && w[0] == "set" {
		n, err := strconv.Atoi(w[4])
		if err != nil {
			return "", err
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(in, data); err != nil {
			return "", err
		}
		line += " = " + string(data[:n])
	}
	return line, nil
}

// readNetstring reads a request of socketmap:.
func readNetstring(in *bufio.Reader) (string, error) {
	size, err := in.ReadString(':')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
	if err != nil {
		return "", err
	}
	data := make([]byte, n+1)
	_, err = io.ReadFull(in, data)
	return string(data[:n]), err
}

// readCommand reads a request of redis:.
func readCommand(in *bufio.Reader) (string, error) {
	count, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.Trim(count, "*\r\n"))
	if err != nil {
		return "", err
	}
	var words []string
	for range n {
		size, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		k, err := strconv.Atoi(strings.Trim(size, "$\r\n"))
		if err != nil {
			return "", err
		}
		data := make([]byte, k+2)
		if _, err := io.ReadFull(in, data); err != nil {
			return "", err
		}
		words = append(words, string(data[:k]))
	}
	return strings.Join(words, " "), nil
}

// protocol is what the tests of faults have to know of each.
type protocol struct {
	name  string
	read  func(*bufio.Reader) (string, error)
	ref   func(w *netWorld, addr string) string
	key   func(request string) string // that a request asks for
	found func(key, value string) string
	none  string
	lie   string // a reply with a length in it that is far too long
	tries int    // without answer
	limit int    // seconds for a request
}

func netstring(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

var protocols = []protocol{
	{
		name: "tcp", read: readLine, key: lastWord, none: "500 none\n", lie: "200 " + strings.Repeat("x", 5000), tries: 10, limit: 30,
		ref:   func(_ *netWorld, addr string) string { return "tcp:" + addr },
		found: func(_, value string) string { return "200 " + value + "\n" },
	},
	{
		name: "socketmap", read: readNetstring, key: lastWord, none: netstring("NOTFOUND "), lie: "999999:OK ", tries: 1, limit: 30,
		ref:   func(_ *netWorld, addr string) string { return "socketmap:inet:" + addr + ":map" },
		found: func(_, value string) string { return netstring("OK " + value) },
	},
	{
		name: "memcache", read: readLine, key: lastWord, none: "END\r\n", lie: "VALUE k 0 999999\r\n", tries: 2, limit: 5,
		ref: func(w *netWorld, addr string) string { return "memcache:" + w.file("memcache = inet:"+addr+"\n") },
		found: func(key, value string) string {
			return fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", key, len(value), value)
		},
	},
	{
		name: "redis", read: readCommand, key: lastWord, none: "$-1\r\n", lie: "$999999\r\n", tries: 2, limit: 5,
		ref:   func(w *netWorld, addr string) string { return "redis:" + w.file("hosts = "+addr+"\n") },
		found: func(_, value string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value) },
	},
}

// echo finds "value-of-KEY" for every key but "none".
func (p protocol) echo(request string) saying {
	key := p.key(request)
	if key == "none" {
		return say(p.none)
	}
	return say(p.found(key, "value-of-"+key))
}

func (w *netWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *netWorld) rewrite(path, text string) { w.must(os.WriteFile(path, []byte(text), 0o600)) }
func (w *netWorld) rename(from, to string)    { w.must(os.Rename(from, to)) }
func (w *netWorld) remove(path string)        { w.must(os.Remove(path)) }

// settled says that a file was changed long ago.
func (w *netWorld) settled(path string) string {
	w.t.Helper()
	then := w.Loop.Now().Add(-time.Hour)
	w.must(os.Chtimes(path, then, then))
	return path
}
