// SPDX-License-Identifier: ISC

package hosts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postloop/services/table/worker/hosts"
)

// named makes hosts of their names: those that begin with / are local.
func named(names ...string) (list []hosts.Host) {
	for _, name := range names {
		list = append(list, hosts.Host{Name: name, Unix: name[0] == '/', Addr: name})
	}
	return list
}

// first and last are pick.
func first(int) int  { return 0 }
func last(n int) int { return n - 1 }

// TestRound: in which order hosts are tried, by requests at certain seconds, of
// which each finds that some hosts cannot be reached, or are not to be asked
// again.
func TestRound(t *testing.T) {
	type request struct {
		at   int
		down string // these cannot be reached
		skip string // these refuse
		want string
	}
	for _, row := range []struct {
		name, hosts string
		pick        func(int) int
		requests    []request
	}{
		{"local ones first", "a /b c /d", first, []request{{0, "a /b c /d", "", "/b /d a c"}}},
		{"at random", "a /b c /d", last, []request{{0, "a /b c /d", "", "/d /b c a"}}},
		{"the first that answers", "a /b c /d", first, []request{{0, "/b", "", "/b /d"}, {1, "", "", "/d"}, {59, "", "", "/d"}, {60, "", "", "/b"}}},
		{"left alone", "a b", first, []request{{0, "a b", "", "a b"}, {59, "", "", ""}, {60, "a", "", "a b"}, {61, "", "", "b"}}},
		{"others when the local one is down", "a /b", first, []request{{0, "/b", "", "/b a"}, {30, "", "", "a"}, {60, "", "", "/b"}}},
		{"one twice", "a", first, []request{{0, "a", "", "a a"}, {1, "", "", ""}, {60, "", "", "a"}}},
		{"a refusal is final", "a", first, []request{{0, "", "a", "a"}, {0, "", "a", "a"}}},
		{"a refusal does not count against the host", "a b", first, []request{{0, "", "a b", "a b"}, {0, "", "a", "a b"}}},
		{"one that is named twice", "a a", first, []request{{0, "a", "", "a a"}}},
	} {
		start := time.Unix(1000, 0)
		l := hosts.New(named(strings.Fields(row.hosts)...), time.Minute, row.pick)
		for _, q := range row.requests {
			now := start.Add(time.Duration(q.at) * time.Second)
			var got []string
			round := l.Round()
			for h := round.Next(now); h != nil; h = round.Next(now) {
				got = append(got, h.Name)
				switch {
				case slices.Contains(strings.Fields(q.down), h.Name):
					round.Failed(h, now)
					continue
				case slices.Contains(strings.Fields(q.skip), h.Name):
					round.Skip(h)
					continue
				}
				break
			}
			if strings.Join(got, " ") != q.want {
				t.Errorf("%s: at %d: tried %q, want %q", row.name, q.at, got, q.want)
			}
		}
	}
}

// TestShare: each host that can still be tried is left as much as this one.
func TestShare(t *testing.T) {
	now := time.Unix(1000, 0)
	shares := func(l *hosts.List, fail bool) string {
		var got []string
		round := l.Round()
		for h := round.Next(now); h != nil; h = round.Next(now) {
			got = append(got, fmt.Sprint(round.Share(h, now, 30*time.Second)))
			if fail {
				round.Failed(h, now)
			}
		}
		return strings.Join(got, " ")
	}
	if got := shares(hosts.New(named("a"), time.Minute, first), false); got != "30s 30s" {
		t.Error("one host:", got)
	}
	three := hosts.New(named("a", "b", "/c"), time.Minute, first)
	if got := shares(three, false); got != "10s 15s 30s" {
		t.Error("three:", got)
	}
	round := three.Round()
	round.Failed(round.Next(now), now) // the local one
	if got := shares(three, true); got != "15s 30s" {
		t.Error("one is down:", got)
	}
	if wait := three.Until().Sub(now); wait != time.Minute {
		t.Errorf("all are down, but the next attempt is in %v", wait)
	}
}

// bed is servers, and what happens to them.
type bed struct {
	dialled  []string
	open     atomic.Int32 // closed by a timer, too
	down     map[string]bool
	answer   func(ctx context.Context, host, key string) ([]string, error)
	messages []string
}

func (b *bed) dial(ctx context.Context, h *hosts.Host) (hosts.Session, error) {
	b.dialled = append(b.dialled, h.Name)
	if b.down[h.Name] {
		return nil, fmt.Errorf("connect to %s: refused", h.Name)
	}
	b.open.Add(1)
	return &session{b, h.Name}, nil
}

func (b *bed) warnf(format string, args ...any) {
	b.messages = append(b.messages, fmt.Sprintf(format, args...))
}

type session struct {
	*bed
	name string
}

func (s *session) Ask(ctx context.Context, key string) ([]string, error) {
	return s.answer(ctx, s.name, key)
}

func (s *session) Close() { s.open.Add(-1) }

// seen returns what was dialled and logged since it was last called.
func (b *bed) seen() (dialled, logged string) {
	dialled, logged = strings.Join(b.dialled, " "), strings.Join(b.messages, "; ")
	b.dialled, b.messages = nil, nil
	return dialled, logged
}

func TestClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := func(_ context.Context, host, key string) ([]string, error) { return []string{key + " of " + host}, nil }
		b := &bed{answer: found, down: map[string]bool{}}
		c := hosts.NewClient(named("a", "/b"), 50*time.Second, time.Minute, b.dial, b.warnf)
		ask := func(want, dialled, logged string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			values, err := c.Lookup(ctx, "k")
			got := strings.Join(values, ",")
			if err != nil {
				got = err.Error()
			}
			if d, l := b.seen(); got != want || d != dialled || l != logged {
				t.Errorf("got %q after dialling %q, logged %q; want %q, %q, %q", got, d, l, want, dialled, logged)
			}
			if n := b.open.Load(); n > 1 {
				t.Errorf("%d connections", n)
			}
		}
		ask("k of /b", "/b", "")
		ask("k of /b", "", "") // it is kept
		time.Sleep(49 * time.Second)
		ask("k of /b", "", "")
		time.Sleep(49 * time.Second)
		synctest.Wait()
		if b.open.Load() != 1 {
			t.Error("closed too early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if b.open.Load() != 0 {
			t.Error("not closed when it was idle")
		}
		b.down["/b"] = true
		ask("k of a", "/b a", "connect to /b: refused")
		b.down["/b"] = false
		ask("k of a", "", "") // for as long as it works

		// A connection that breaks is made anew; it does not count against the host.
		broken := errors.New("gone")
		b.answer = func(_ context.Context, host, key string) ([]string, error) {
			b.answer = found
			return nil, broken
		}
		ask("k of a", "a", "gone")

		// A query that is refused is sent to the other host, once.
		b.answer = func(_ context.Context, host, key string) ([]string, error) {
			return nil, hosts.Refused{Err: errors.New(host + " does not like it")}
		}
		time.Sleep(time.Minute)
		ask("a does not like it", "/b a", "/b does not like it")
		ask("a does not like it", "/b a", "/b does not like it")
		if b.open.Load() != 0 {
			t.Error("a connection is kept after an error")
		}

		// One that hangs leaves the other half of the time.
		b.answer = func(ctx context.Context, host, key string) ([]string, error) {
			if host != "a" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return found(ctx, host, key)
		}
		before := time.Now()
		ask("k of a", "/b a", "context deadline exceeded")
		if took := time.Since(before); took != 15*time.Second {
			t.Errorf("took %v", took)
		}
		b.answer = func(ctx context.Context, host, key string) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		before = time.Now()
		ask("context deadline exceeded", "/b", "context deadline exceeded")
		if took := time.Since(before); took != 30*time.Second {
			t.Errorf("took %v", took)
		}

		// When none can be reached, none is asked for a while.
		b.down["a"], b.down["/b"] = true, true
		ask("connect to a: refused", "/b a", "connect to /b: refused")
		time.Sleep(500 * time.Millisecond)
		ask("no server can be asked; the next attempt is in 60 seconds", "", "")
		clear(b.down)
		b.answer = found
		time.Sleep(time.Minute - 500*time.Millisecond)
		ask("k of /b", "/b", "")
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		if _, err := c.Lookup(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without any time: %v", err)
		}
		cancel()
		c.Close()
		if b.open.Load() != 0 {
			t.Error("open after Close")
		}
	})
}

// TestClientOfOne: a single host is reached at the second attempt.
func TestClientOfOne(t *testing.T) {
	b := &bed{answer: func(context.Context, string, string) ([]string, error) { return nil, nil }, down: map[string]bool{"a": true}}
	dial := func(ctx context.Context, h *hosts.Host) (hosts.Session, error) {
		s, err := b.dial(ctx, h)
		b.down["a"] = false
		return s, err
	}
	c := hosts.NewClient(named("a"), time.Hour, time.Hour, dial, b.warnf)
	defer c.Close()
	values, err := c.Lookup(t.Context(), "k")
	if dialled, logged := b.seen(); values != nil || err != nil || dialled != "a a" || logged != "connect to a: refused" {
		t.Errorf("got %q, %v after dialling %q, logged %q", values, err, dialled, logged)
	}
}
