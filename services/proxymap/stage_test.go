// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
	"postloop/services/attr"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fake is a table under a test's control.
type fake struct {
	st      *stage
	ref     string
	opening table.Flags
	own     table.Flags
	values  map[string]table.Answer
	asked   []string // with the flags of each request
	changed bool
	looks   int
	closed  bool
	later   bool // answers come when the test says
	due     []func()
	at      int // of sequence
	keys    []string
}

func (f *fake) Flags() table.Flags { return f.own }

func (f *fake) Get(key string, flags table.Flags, later func(table.Answer)) table.Answer {
	f.asked = append(f.asked, fmt.Sprintf("%s %s", key, flags))
	a, ok := f.values[key]
	if !ok {
		a.Status = table.NoKey
	}
	if f.later {
		f.due = append(f.due, func() { later(a) })
		return table.Answer{Status: table.Later}
	}
	return a
}

func (f *fake) Changed() bool { f.looks++; return f.changed }

func (f *fake) Close() {
	if f.closed {
		f.st.t.Error("closed twice")
	}
	f.closed = true
}

// writable is a fake that can be written, and walked through.
type writable struct{ *fake }

func (w writable) Put(key, value string, flags table.Flags, later func(table.Status)) table.Status {
	w.asked = append(w.asked, fmt.Sprintf("put %s=%s %s", key, value, flags))
	if w.later {
		w.due = append(w.due, func() { later(table.OK) })
		return table.Later
	}
	w.values[key] = table.Answer{Value: value}
	return table.OK
}

func (w writable) Delete(key string, flags table.Flags, later func(table.Status)) table.Status {
	w.asked = append(w.asked, fmt.Sprintf("delete %s %s", key, flags))
	if w.later {
		w.due = append(w.due, func() { later(table.OK) })
		return table.Later
	}
	if _, ok := w.values[key]; !ok {
		return table.NoKey
	}
	delete(w.values, key)
	return table.OK
}

func (w writable) Next(first bool, flags table.Flags, later func(table.Pair, table.Status)) (table.Pair, table.Status) {
	if first {
		w.at = 0
	}
	if w.at >= len(w.keys) {
		return table.Pair{}, table.NoKey
	}
	p := table.Pair{Key: w.keys[w.at], Value: w.values[w.keys[w.at]].Value}
	w.at++
	if w.later {
		w.due = append(w.due, func() { later(p, table.OK) })
		return table.Pair{}, table.Later
	}
	return p, table.OK
}

// stage is a service on a loop whose time the test moves.
type stage struct {
	t     testing.TB
	loop  *loop.Loop
	s     *Service
	log   string
	open  []*fake // in the order of opening
	make  func(f *fake) (table.Table, error)
	conns []*loop.Conn

	sessions []*session
}

// newStage makes a service that may open all tables beginning with "fake:".
func newStage(t testing.TB, c Config) *stage {
	t.Helper()
	s, log := newEmptyStage(t)
	if c.Name == "" {
		c.Name = "proxymap"
		if c.Mode == table.ReadWrite {
			c.Name = "proxywrite"
		}
	}
	if c.Listed == nil {
		c.Listed = map[string]bool{}
	}
	s.s = New(&table.Env{Loop: s.loop, Log: log}, c)
	s.s.tables.open = s.opened
	t.Cleanup(func() {
		s.s.Close()
		s.closed()
	})
	return s
}

// newEmptyStage is one without a service.
func newEmptyStage(t testing.TB) (*stage, *maillog.Logger) {
	t.Helper()
	l := looptest.New(t)
	file, err := os.CreateTemp("", "log")
	must(t, err)
	must(t, file.Close())
	t.Cleanup(func() { _ = os.Remove(file.Name()) })
	log := maillog.New("proxymap")
	must(t, log.Open(maillog.Dest{Kind: maillog.File, File: file.Name()}))
	t.Cleanup(log.Close)
	return &stage{t: t, loop: l, log: file.Name()}, log
}

// closed fails the test if a table is open.
func (s *stage) closed() {
	s.t.Helper()
	for _, f := range s.open {
		if !f.closed {
			s.t.Errorf("%s is left open", f.ref)
		}
	}
}

// opened is what opens the tables of the stage. As it is, they hold "a" and "b".
func (s *stage) opened(ref string, m table.Mode, f table.Flags) (table.Table, error) {
	k := &fake{st: s, ref: ref, opening: f, own: table.Fixed, values: map[string]table.Answer{"a": {Value: "1"}, "b": {Value: "2"}}, keys: []string{"a", "b"}}
	var t table.Table = writable{k}
	if m == table.ReadOnly || strings.HasPrefix(ref, "static:") {
		t = k
	}
	if s.make != nil {
		var err error
		if t, err = s.make(k); err != nil {
			return nil, err
		}
	}
	s.open = append(s.open, k)
	return t, nil
}

// last is the table that was opened last.
func (s *stage) last() *fake {
	s.t.Helper()
	if len(s.open) == 0 {
		s.t.Fatal("no table was opened")
	}
	return s.open[len(s.open)-1]
}

func (s *stage) allow(refs ...string) {
	for _, ref := range refs {
		s.s.listed[ref] = true
	}
}

func (s *stage) turns(n int) {
	s.t.Helper()
	for range n {
		must(s.t, s.loop.Turn(0))
	}
}

func (s *stage) logged() string {
	text, err := os.ReadFile(s.log)
	must(s.t, err)
	return string(text)
}

// saw fails unless the log holds each of the texts, once.
func (s *stage) saw(texts ...string) {
	s.t.Helper()
	log := s.logged()
	for _, text := range texts {
		if n := strings.Count(log, text); n != 1 {
			s.t.Errorf("the log has %d times %q:\n%s", n, text, log)
		}
	}
}

// client is one that talks to the service.
type client struct {
	s  *stage
	fd int
}

// dial makes a client, which has been greeted.
func (s *stage) dial() *client {
	s.t.Helper()
	ours, theirs := looptest.Pair(s.t)
	sess, limits := s.s.Connected(loop.PeerOf(ours))
	c, err := s.loop.Conn(ours, sess, limits)
	must(s.t, err)
	sess.Opened(c)
	s.conns = append(s.conns, c)
	s.t.Cleanup(func() { // before the descriptors are
		c.Close(errSlow)
		s.turns(1)
	})
	s.sessions = append(s.sessions, sess.(*session))
	return s.greeted(theirs)
}

// greeted is the client at fd, when it has been greeted.
func (s *stage) greeted(fd int) *client {
	s.t.Helper()
	s.turns(1)
	k := &client{s, fd}
	if got := k.got(); got != list("protocol=proxymap_protocol") {
		s.t.Fatalf("the greeting is %q", got)
	}
	return k
}

func (k *client) send(text string) {
	k.s.t.Helper()
	for len(text) > 0 {
		n, err := unix.Write(k.fd, []byte(text))
		if errors.Is(err, unix.EAGAIN) {
			k.s.turns(1)
			continue
		}
		must(k.s.t, err)
		text = text[n:]
	}
}

// got is what has come; "EOF" behind it is the end.
func (k *client) got() string {
	k.s.t.Helper()
	var text []byte
	for buf := make([]byte, 64<<10); ; {
		n, err := unix.Read(k.fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return string(text)
		case n == 0, errors.Is(err, unix.ECONNRESET):
			return string(text) + "EOF"
		case err != nil:
			k.s.t.Fatal(err)
		}
		text = append(text, buf[:n]...)
	}
}

// ask sends something, and returns what comes in the turn that it is read in.
func (k *client) ask(text string) string {
	k.s.t.Helper()
	k.send(text)
	k.s.turns(1)
	return k.got()
}

// list makes a list of attributes from name=value, without values that have
// an equals sign.
func list(words ...string) string {
	var attrs []attr.Attr
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		attrs = append(attrs, attr.Attr{Name: name, Value: value})
	}
	return string(attr.Append(nil, attrs...))
}
