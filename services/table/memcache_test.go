// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// fakeTable is a table in memory, which answers at once or in a later turn.
type fakeTable struct {
	w      *netWorld
	slow   bool
	status Status // of every answer, if it is not OK
	values map[string]string
	asked  []string
}

func (m *fakeTable) Flags() Flags { return Fixed }
func (m *fakeTable) Close()       {}

func (m *fakeTable) answer(a Answer, later func(Answer)) Answer {
	if !m.slow {
		return a
	}
	m.w.Loop.After(0, func() { later(a) })
	return Answer{Status: Later}
}

func (m *fakeTable) Get(key string, _ Flags, later func(Answer)) Answer {
	m.asked = append(m.asked, "get "+key)
	value, ok := m.values[key]
	switch {
	case m.status != OK:
		return m.answer(Answer{Status: m.status}, later)
	case !ok:
		return m.answer(Answer{Status: NoKey}, later)
	}
	return m.answer(Answer{Value: value}, later)
}

func (m *fakeTable) change(key, value, what string, had Status, later func(Status)) Status {
	m.asked = append(m.asked, what+" "+key)
	a := Answer{Status: had}
	switch {
	case m.status != OK:
		a.Status = m.status
	case what == "put":
		m.values[key] = value
	default:
		if _, ok := m.values[key]; !ok {
			a.Status = NoKey
		}
		delete(m.values, key)
	}
	return m.answer(a, func(a Answer) { later(a.Status) }).Status
}

func (m *fakeTable) Put(key, value string, _ Flags, later func(Status)) Status {
	return m.change(key, value, "put", OK, later)
}

func (m *fakeTable) Delete(key string, _ Flags, later func(Status)) Status {
	return m.change(key, "", "delete", OK, later)
}

func (m *fakeTable) Next(bool, Flags, func(Pair, Status)) (Pair, Status) {
	return Pair{"first", "pair"}, OK
}

// fakeMemcache is a memcached with a few lines.
type fakeMemcache struct {
	*fakeServer
	values map[string]string // under the server's lock
}

func newFakeMemcache(w *netWorld) *fakeMemcache {
	m := &fakeMemcache{values: map[string]string{}}
	m.fakeServer = newFake(w, "tcp", "127.0.0.1:0", readLine, nil)
	m.answers(m.say) // first this server, then what it says: nobody has asked yet
	return m
}

func (m *fakeMemcache) say(request string) saying {
	m.mu.Lock()
	defer m.mu.Unlock()
	head, data, _ := strings.Cut(request, " = ")
	f := strings.Fields(head)
	value, ok := m.values[f[1]]
	switch f[0] {
	case "get":
		if !ok {
			return say("END\r\n")
		}
		return say(fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", f[1], len(value), value))
	case "set":
		m.values[f[1]] = data
		return say("STORED\r\n")
	case "delete":
		delete(m.values, f[1])
		if !ok {
			return say("NOT_FOUND\r\n")
		}
		return say("DELETED\r\n")
	}
	return say("ERROR\r\n")
}

// took returns what was asked since the last time.
func (m *fakeMemcache) took() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := strings.Join(m.asked, "; ")
	m.asked = nil
	return text
}

// done is a Status that may not have come yet.
type done struct {
	Status
	here bool
}

func (w *netWorld) put(tab Table, key, value string) *done {
	d := &done{}
	d.set(tab.(Writer).Put(key, value, FoldFix, d.later))
	return d
}

func (w *netWorld) delete(tab Table, key string) *done {
	d := &done{}
	d.set(tab.(Writer).Delete(key, FoldFix, d.later))
	return d
}

func (d *done) later(s Status) { d.Status, d.here = s, true }

func (d *done) set(s Status) {
	if s != Later {
		d.later(s)
	}
}

func (w *netWorld) changed(d *done, want Status) {
	w.t.Helper()
	w.until(func() bool { return d.here })
	if d.Status != want {
		w.t.Errorf("got %d, want %d", d.Status, want)
	}
}

func TestMemcache(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	m := newFakeMemcache(w)
	tab := w.openFor("memcache:"+w.file("memcache = inet:"+m.addr+"\nkey_format = p:%s\nttl = 77\nflags = 5\n"), ReadWrite)
	if f := tab.Flags(); f != Fixed|MultiWriter {
		t.Errorf("flags %v", f)
	}
	w.expect(w.ask(tab, "Key"), Answer{Status: NoKey})
	w.changed(w.put(tab, "KEY", "some value"), OK)
	w.expect(w.ask(tab, "key"), Answer{Value: "some value"})
	w.changed(w.put(tab, "key", ""), OK)
	w.expect(w.ask(tab, "key"), Answer{})
	w.changed(w.delete(tab, "key"), OK)
	w.changed(w.delete(tab, "key"), NoKey)
	w.expect(w.ask(tab, "key"), Answer{Status: NoKey})
	if got, want := m.took(), "get p:key; set p:key 5 77 10 = some value; get p:key; set p:key 5 77 0 = ; get p:key; delete p:key; delete p:key; get p:key"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	if text := w.logged(); text != "" {
		t.Error(text)
	}
	// What no request can hold is not found, and not changed.
	for _, key := range []string{"a b", "a\tb", "a\r\nget x", "a\x00"} {
		w.expect(w.ask(tab, key), Answer{Status: NoKey})
		w.changed(w.put(tab, key, "x"), NoKey)
	}
	if text := w.logged(); strings.Count(text, ": name contains space") != 4 || !strings.Contains(text, "skipping update for name \"a b\"") {
		t.Error(text)
	}
	w.changed(w.put(tab, "key", strings.Repeat("x", 10241)), NoKey)
	if text := w.logged(); !strings.Contains(text, "data for key key is too long (data_size_limit=10240) -- not stored") {
		t.Error(text)
	}
	if p, s := tab.(Walker).Next(true, 0, nil); s != NoKey {
		t.Error(p, s)
	}
	if text := w.logged(); !strings.Contains(text, "first/next support requires backup database") {
		t.Error(text)
	}
}

// TestMemcacheBackup: the server is asked and told first, the backup decides.
func TestMemcacheBackup(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w := newNetWorld(t, looptest.New(t))
		m := newFakeMemcache(w)
		tab := w.openFor("memcache:"+w.file("memcache = inet:"+m.addr+"\nkey_format = p:%s\n"), ReadWrite)
		b := &fakeTable{w: w, slow: slow, values: map[string]string{"k1": "v1"}}
		tab.(*memcacheTable).backup = b
		steps := func(server, backup string) {
			t.Helper()
			if got := m.took(); got != server {
				t.Errorf("the server was asked %q, want %q", got, server)
			}
			if got := strings.Join(b.asked, "; "); got != backup {
				t.Errorf("the backup was asked %q, want %q", got, backup)
			}
			b.asked = nil
		}
		w.expect(w.ask(tab, "K1"), Answer{Value: "v1"})
		steps("get p:k1; set p:k1 0 3600 2 = v1", "get k1")
		w.expect(w.ask(tab, "k1"), Answer{Value: "v1"})
		steps("get p:k1", "")
		w.expect(w.ask(tab, "k2"), Answer{Status: NoKey})
		steps("get p:k2", "get k2")
		w.changed(w.put(tab, "k2", "v2"), OK)
		steps("set p:k2 0 3600 2 = v2", "put k2")
		w.changed(w.delete(tab, "k1"), OK)
		steps("delete p:k1", "delete k1")
		w.changed(w.delete(tab, "k1"), NoKey)
		steps("delete p:k1", "delete k1")
		if p, s := tab.(Walker).Next(true, 0, nil); s != OK || p.Key != "first" {
			t.Error(p, s)
		}
		b.status = Retry
		w.changed(w.put(tab, "k3", "v3"), Retry)
		w.expect(w.ask(tab, "k4"), tryAgain)
		b.status = OK
		m.took()
		b.asked = nil
		// A value that the server must not have is taken from it.
		w.changed(w.put(tab, "k2", strings.Repeat("x", 10241)), OK)
		steps("delete p:k2", "put k2")
		w.logged()
		// Without the server the backup has the word.
		m.stop()
		w.expect(w.ask(tab, "k2"), Answer{Value: strings.Repeat("x", 10241)})
		w.changed(w.put(tab, "k2", "new"), OK)
		w.expect(w.ask(tab, "k2"), Answer{Value: "new"})
		w.expect(w.ask(tab, "k5"), Answer{Status: NoKey})
		w.changed(w.delete(tab, "k2"), OK)
	}
}

// TestMemcacheOrder: who looks a key up after it has been changed sees the
// change, also when others have asked for it before.
func TestMemcacheOrder(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	m := newFakeMemcache(w)
	tab := w.openFor("memcache:"+w.file("memcache = inet:"+m.addr), ReadWrite)
	b := &fakeTable{w: w, slow: true, values: map[string]string{"k": "old"}}
	tab.(*memcacheTable).backup = b
	release := make(chan struct{})
	m.answers(func(request string) saying {
		<-release
		return m.say(request)
	})
	before := []*reply{w.get(tab, "k"), w.get(tab, "k")}
	put := w.put(tab, "k", "new")
	after := []*reply{w.get(tab, "k"), w.get(tab, "k")}
	gone := w.delete(tab, "k")
	last := w.get(tab, "k")
	w.until(func() bool { return len(m.requests()) == 1 })
	close(release)
	w.until(func() bool { return last.here })
	for i := range 2 {
		w.expect(before[i].Answer, Answer{Value: "old"})
		w.expect(after[i].Answer, Answer{Value: "new"})
	}
	w.changed(put, OK)
	w.changed(gone, OK)
	w.expect(last.Answer, Answer{Status: NoKey})
	if want := []string{"get k", "set k 0 3600 3 = old", "set k 0 3600 3 = new", "get k", "delete k", "get k"}; !slices.Equal(m.requests(), want) {
		t.Errorf("asked %q, want %q", m.requests(), want)
	}
}

// TestMemcacheQueueExpires: who waits behind others has a deadline, too.
func TestMemcacheQueueExpires(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	m := newFakeMemcache(w)
	tab := w.openFor("memcache:"+w.file("memcache = inet:"+m.addr), ReadWrite)
	release := make(chan struct{})
	defer close(release)
	m.answers(func(request string) saying {
		<-release
		return m.say(request)
	})
	get := w.get(tab, "k")
	var puts []*done
	for range 10 {
		puts = append(puts, w.put(tab, "k", "v"))
	}
	w.until(func() bool { return len(m.requests()) == 1 })
	looptest.Advance(w.Loop, 10*time.Second)
	w.expect(get.Answer, tryAgain)
	for i, d := range puts {
		if !d.here || d.Status != Retry {
			t.Errorf("%d: %+v", i, d)
		}
	}
}

// TestMemcacheSettings: what is refused at the start, and in which words.
func TestMemcacheSettings(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	for _, row := range []struct{ text, want string }{
		{"timeout = x", "%s: bad numerical configuration: timeout = x"},
		{"timeout = 2s", "%s: bad numerical configuration: timeout = 2s"},
		{"max_try = 0", "%s: invalid max_try parameter value 0 < 1"},
		{"key_format = %x", "db_common_parse: %s: Invalid query template: %%x"},
		{"memcache = 127.0.0.1:18003", "invalid transport name: 127.0.0.1 in service: 127.0.0.1:18003"},
		{"memcache = inet:127.0.0.1", "127.0.0.1: garbage after numerical service"},
		{"memcache = foo:/nope", "invalid transport name: foo in service: foo:/nope"},
		{"memcache =", "need service transport:endpoint instead of \"\""},
		{"backup = bogus", "expecting \"type:name\" form instead of \"bogus\""},
		{"backup = proxy:nosuch:x", "unsupported dictionary type: nosuch"},
		{"domain = /nonexistent", "open file /nonexistent: No such file or directory"},
		{"domain = nosuch:x", "unsupported dictionary type: nosuch"},
		{"bogus line", "%s, line 1: missing '=' after attribute name: \"bogus line\""},
	} {
		path := w.file(row.text + "\n")
		want := row.want
		if strings.Contains(want, "%s") {
			want = fmt.Sprintf(want, path)
		}
		if tab, err := w.Open("memcache:"+path, ReadOnly, 0); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", row.text, tab, err, want)
		}
	}
	for ref, want := range map[string]string{
		"memcache:/nowhere": "open /nowhere: No such file or directory",
		"memcache:/dev":     "read /dev: Is a directory",
	} {
		if tab, err := w.Open(ref, ReadOnly, 0); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", ref, tab, err, want)
		}
	}
	if _, err := w.Open("memcache:/x", ReadOnly, NoUnauth); err == nil || err.Error() != "memcache:/x map is not allowed for security-sensitive data" {
		t.Error(err)
	}
	// In main.cf.
	m := newFakeMemcache(w)
	w.Main.Set("pre", "P")
	w.Main.Set("leg_memcache", "inet:"+m.addr)
	w.Main.Set("leg_key_format", "$pre:%s")
	w.expect(w.ask(w.open("memcache:leg"), "k"), Answer{Status: NoKey})
	if got := m.took(); got != "get P:k" {
		t.Errorf("asked %q", got)
	}
}

// TestSourceChanged: a file that was written to, or replaced, is noticed.
func TestSourceChanged(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	list := w.settled(w.file("example.com\n"))
	path := w.settled(w.file("ttl = 1\ndomain = " + list + "\n"))
	tab := w.open("memcache:" + path).(Changer)
	if tab.Changed() {
		t.Error("changed before it was")
	}
	w.rewrite(list, "example.com, example.org\n")
	w.settled(list)
	if !tab.Changed() {
		t.Error("a longer list is not noticed")
	}
	tab = w.open("memcache:" + path).(Changer)
	w.rewrite(path, "ttl = 10\n")
	w.settled(path)
	if !tab.Changed() {
		t.Error("a longer file is not noticed")
	}
	tab = w.open("memcache:" + path).(Changer)
	w.rename(w.settled(w.file("ttl = 20\n")), path)
	if !tab.Changed() {
		t.Error("another file is not noticed")
	}
	tab = w.open("memcache:" + path).(Changer)
	w.remove(path)
	if tab.Changed() {
		t.Error("the file is gone, and what was read is not good any more")
	}
}
