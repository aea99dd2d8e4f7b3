// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/table"
)

// held checks that the entries of a cache are what it says.
func (c *cache) held(t *testing.T) (keys []string) {
	t.Helper()
	bytes := 0
	for e := c.ring.newer; e != &c.ring; e = e.newer {
		keys = append(keys, e.key)
		bytes += entryBytes + len(e.key) + len(e.answer.Value)
		if c.byKey[e.cacheKey] != e || e.newer.older != e || e.older.newer != e {
			t.Errorf("%q is not where it should be", e.key)
		}
	}
	if len(keys) != len(c.byKey) || bytes != c.used || bytes > c.limits.Size {
		t.Errorf("%d keys in the ring, %d in the map, %d bytes, said to be %d of %d", len(keys), len(c.byKey), bytes, c.used, c.limits.Size)
	}
	return keys
}

func TestCache(t *testing.T) {
	c := newCache(CacheLimits{Positive: 10 * time.Second, Negative: time.Second, Size: 4 * (entryBytes + 2)})
	now := time.Unix(1e9, 0)
	has := func(want string) {
		t.Helper()
		if got := strings.Join(c.held(t), ""); got != want {
			t.Errorf("it has %q, want %q", got, want)
		}
	}
	for i, key := range []string{"a", "b", "c", "d"} {
		c.put(key, 0, now, table.Answer{Value: fmt.Sprint(i)})
	}
	has("abcd")
	if a, ok := c.get("a", table.Lock|table.DupReplace|table.NoRegSub, now); !ok || a.Value != "0" {
		t.Errorf("got %+v, %v", a, ok)
	}
	has("bcda")
	c.put("e", 0, now, table.Answer{Value: "4"})
	has("cdae")
	c.put("d", 0, now, table.Answer{Value: "5"})
	has("caed")
	if a, ok := c.get("d", 0, now); !ok || a.Value != "5" {
		t.Errorf("got %+v, %v", a, ok)
	}
	// It depends on how the key is folded, and read.
	for _, f := range []table.Flags{table.FoldFix, table.FoldMul, table.UTF8Active, table.UTF8Request} {
		if a, ok := c.get("a", f, now); ok {
			t.Errorf("%s: got %+v", f, a)
		}
	}
	for _, s := range []table.Status{table.Retry, table.Config, table.Later} {
		c.put("x", 0, now, table.Answer{Status: s})
	}
	c.put("x", 0, now, table.Answer{Value: strings.Repeat("x", 5*entryBytes)})
	has("caed")
	c.put("n", 0, now, table.Answer{Status: table.NoKey})
	has("aedn")
	now = now.Add(time.Second - 1)
	if a, ok := c.get("n", 0, now); !ok || a.Status != table.NoKey {
		t.Errorf("got %+v, %v", a, ok)
	}
	now = now.Add(1)
	if a, ok := c.get("n", 0, now); ok {
		t.Errorf("got %+v", a)
	}
	has("aed")
	c.get("a", 0, now)
	now = now.Add(9*time.Second - 1)
	if _, ok := c.get("a", 0, now); !ok {
		t.Error("gone early")
	}
	now = now.Add(1)
	if _, ok := c.get("a", 0, now); ok {
		t.Error("asking made it last")
	}
	has("ed")
	// A value takes room for several.
	c.put("l", 0, now, table.Answer{Value: strings.Repeat("l", 2*entryBytes)})
	has("dl")
}

// TestCacheOff: nothing is remembered where nothing would be.
func TestCacheOff(t *testing.T) {
	for limits, want := range map[CacheLimits]bool{
		{}:                                     false,
		{Size: 1 << 20}:                        false,
		{Positive: time.Second}:                false,
		{Positive: time.Second, Size: 10}:      false,
		{Positive: time.Second, Size: 1 << 20}: true,
		{Negative: time.Second, Size: 1 << 20}: true,
	} {
		if got := newCache(limits) != nil; got != want {
			t.Errorf("%+v: %v", limits, got)
		}
	}
	c := newCache(CacheLimits{Negative: time.Second, Size: 1 << 20})
	c.put("a", 0, time.Unix(0, 0), table.Answer{Value: "1"})
	c.put("b", 0, time.Unix(0, 0), table.Answer{Status: table.NoKey})
	if got := c.held(t); len(got) != 1 || got[0] != "b" {
		t.Errorf("it has %q", got)
	}
}

// TestCacheAtRandom: whatever happens, it has no more than it may, and nothing
// that was not put there, or too long ago.
func TestCacheAtRandom(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	c := newCache(CacheLimits{Positive: 30 * time.Second, Negative: 10 * time.Second, Size: 20 * entryBytes})
	now := time.Unix(1e9, 0)
	last, since := map[string]table.Answer{}, map[string]time.Time{}
	for i := range 20000 {
		key := fmt.Sprint("k", r.Intn(40))
		switch r.Intn(3) {
		case 0:
			a := table.Answer{Value: strings.Repeat("v", r.Intn(2*entryBytes))}
			if r.Intn(3) == 0 {
				a = table.Answer{Status: table.NoKey}
			}
			c.put(key, 0, now, a)
			last[key], since[key] = a, now
		case 1:
			if a, ok := c.get(key, 0, now); ok && (a != last[key] || now.Sub(since[key]) >= 30*time.Second) {
				t.Fatalf("step %d: %s: got %+v, want %+v", i, key, a, last[key])
			}
		case 2:
			now = now.Add(time.Duration(r.Intn(1000)) * time.Millisecond)
		}
		if i%100 == 0 {
			c.held(t)
		}
	}
}

// remembering is a stage whose tables answer later, and are remembered for a
// minute, what they have not for ten seconds.
func remembering(t *testing.T, mode table.Mode) (*stage, *client) {
	t.Helper()
	s := newStage(t, Config{Mode: mode, Settings: func(ref string) Settings {
		if ref != "fake:x" {
			return DefaultSettings
		}
		return Settings{Limits: table.DefaultLimits, Cache: CacheLimits{Positive: time.Minute, Negative: 10 * time.Second, Size: 1 << 20}}
	}})
	s.allow("fake:x", "fake:y")
	s.make = func(f *fake) (table.Table, error) {
		f.later = true
		if mode == table.ReadWrite {
			return writable{f}, nil
		}
		return f, nil
	}
	return s, s.dial()
}

// give has the tables answer what they owe.
func (s *stage) give() {
	for _, f := range s.open {
		for _, later := range f.due {
			s.loop.Later(later)
		}
		f.due = nil
	}
	s.turns(2)
}

// asks asks for a key, and reports whether the table was asked.
func (k *client) asks(request, want string) (asked bool) {
	k.s.t.Helper()
	got := k.ask(request)
	if asked = got == ""; asked {
		k.s.give()
		got = k.got()
	}
	if got != want {
		k.s.t.Errorf("%q: got %q, want %q", request, got, want)
	}
	return asked
}

// TestRemembered: an answer that was waited for is there at once the next time,
// for everybody who asks in that way, for as long as it may be.
func TestRemembered(t *testing.T) {
	s, k := remembering(t, table.ReadOnly)
	other := s.dial()
	step := func(k *client, request, want string, asked bool) {
		t.Helper()
		if got := k.asks(request, want); got != asked {
			t.Errorf("%q: asked: %v", request, got)
		}
	}
	none := list("status=1", "value=")
	step(k, get("fake:x", "a"), found("1"), true)
	step(k, get("fake:x", "a"), found("1"), false)
	step(other, get("fake:x", "a"), found("1"), false)
	step(k, get("fake:x", "A"), none, true)
	step(k, get("fake:x", "A"), none, false)
	step(k, list("request=lookup", "table=fake:x", "flags=16448", "key=a"), found("1"), true) // fold_fix
	step(k, list("request=lookup", "table=fake:x", "flags=16448", "key=a"), found("1"), false)
	step(k, get("fake:y", "a"), found("1"), true) // its settings are others
	step(k, get("fake:y", "a"), found("1"), true)
	looptest.Advance(s.loop, 10*time.Second-time.Millisecond)
	step(k, get("fake:x", "A"), none, false)
	looptest.Advance(s.loop, time.Millisecond)
	step(k, get("fake:x", "A"), none, true)
	looptest.Advance(s.loop, 50*time.Second-time.Millisecond)
	step(k, get("fake:x", "a"), found("1"), false)
	looptest.Advance(s.loop, time.Millisecond)
	step(k, get("fake:x", "a"), found("1"), true)

	// The time of an answer begins when it comes.
	if got := k.ask(get("fake:x", "b")); got != "" {
		t.Fatal(got)
	}
	looptest.Advance(s.loop, 50*time.Second)
	s.give()
	if got := k.got(); got != found("2") {
		t.Fatal(got)
	}
	looptest.Advance(s.loop, 59*time.Second)
	step(k, get("fake:x", "b"), found("2"), false)

	// What is no answer is not remembered.
	f := s.open[0]
	f.values["bad"] = table.Answer{Status: table.Retry}
	step(k, get("fake:x", "bad"), list("status=2", "value="), true)
	f.values["bad"] = table.Answer{Status: table.Config}
	step(k, get("fake:x", "bad"), list("status=5", "value="), true)
	f.values["bad"] = table.Answer{Value: "good"}
	step(k, get("fake:x", "bad"), found("good"), true)
	step(k, get("fake:x", "bad"), found("good"), false)
}

// TestRememberedUntilChanged: a table that is opened anew begins with nothing,
// and what an old one still answers is not remembered for it.
func TestRememberedUntilChanged(t *testing.T) {
	s, k := remembering(t, table.ReadOnly)
	other := s.dial()
	k.asks(get("fake:x", "a"), found("1"))
	if got := other.ask(get("fake:x", "b")); got != "" {
		t.Fatal(got)
	}
	s.open[0].changed = true
	if !k.asks(get("fake:x", "a"), found("1")) || len(s.open) != 2 || len(s.open[1].asked) != 1 {
		t.Errorf("%d tables", len(s.open))
	}
	if got := other.got(); got != found("2") || !s.open[0].closed {
		t.Errorf("got %q", got)
	}
	if k.asks(get("fake:x", "a"), found("1")) || !k.asks(get("fake:x", "b"), found("2")) {
		t.Error("the new one remembers what it was not asked, or not what it was")
	}
}

// TestNotRemembered: what comes at once, and what can be changed.
func TestNotRemembered(t *testing.T) {
	s, k := remembering(t, table.ReadOnly)
	s.make = nil
	for range 3 {
		if k.asks(get("fake:x", "a"), found("1")) {
			t.Error("it was waited for")
		}
	}
	if n := len(s.open[0].asked); n != 3 {
		t.Errorf("asked %d times of 3", n)
	}
	_, k = remembering(t, table.ReadWrite)
	for range 3 {
		if !k.asks(get("fake:x", "a"), found("1")) {
			t.Error("it was remembered")
		}
	}
}

// TestFilesAreNotRemembered: a file that somebody is writing is waited for, and
// written again, and no answer may be older than what is in it.
func TestFilesAreNotRemembered(t *testing.T) {
	for _, ref := range []string{"hash:x", "btree:x", "lmdb:x"} {
		s := newStage(t, Config{Settings: func(string) Settings {
			return Settings{Limits: table.DefaultLimits, Cache: CacheLimits{Positive: time.Minute, Negative: time.Minute, Size: 1 << 20}}
		}})
		s.allow(ref)
		s.make = func(f *fake) (table.Table, error) {
			f.later = true
			return f, nil
		}
		k := s.dial()
		for range 2 {
			if !k.asks(get(ref, "a"), found("1")) {
				t.Errorf("%s: it was remembered", ref)
			}
		}
	}
}
