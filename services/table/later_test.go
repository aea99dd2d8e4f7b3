// SPDX-License-Identifier: ISC

package table

import (
	"strings"
	"testing"
)

// slow is a table whose answers come when the test says so.
type slow struct {
	common
	asked  []string
	later  []func(Answer)
	closed bool
}

func (t *slow) Get(key string, _ Flags, later func(Answer)) Answer {
	t.asked, t.later = append(t.asked, key), append(t.later, later)
	return Answer{Status: Later}
}

func (t *slow) Close() { t.closed = true }

// give answers the first question that waits.
func (t *slow) give(a Answer) {
	later := t.later[0]
	t.later = t.later[1:]
	if !t.closed {
		later(a)
	}
}

// got keeps what a table answers later.
type got []string

func (g *got) take(a Answer) { *g = append(*g, spell(a)) }

func (g *got) check(t *testing.T, want ...string) {
	t.Helper()
	if strings.Join(*g, " ") != strings.Join(want, " ") {
		t.Errorf("later: got %q, want %q", *g, want)
	}
	*g = nil
}

func TestUnionmapLater(t *testing.T) {
	w := newWorld(t)
	one, two := &slow{}, &slow{}
	table := unionmap{&members{common{w.Env, "unionmap:x", Fixed}, []Table{one, w.open("static:s", 0), two, w.open("inline:{a=i}", 0)}}}
	var later got
	ask := func(key string) {
		t.Helper()
		if a := table.Get(key, 0, later.take); a.Status != Later {
			t.Fatal(spell(a))
		}
	}
	ask("a")
	one.give(Answer{"1", OK})
	later.check(t)
	two.give(Answer{"2", OK})
	later.check(t, "=1,s,2,i")

	// Two at once do not disturb each other.
	ask("a")
	ask("b")
	one.give(Answer{Status: NoKey})
	one.give(Answer{"1", OK})
	two.give(Answer{"2", OK})
	two.give(Answer{Status: NoKey})
	later.check(t, "=s,2,i", "=1,s")

	ask("a")
	one.give(Answer{Status: Retry})
	later.check(t, "retry")
	ask("a")
	one.give(Answer{"1", OK})
	two.give(Answer{Status: Config})
	later.check(t, "config")

	ask("a")
	table.Close()
	if !one.closed || !two.closed {
		t.Error("a member is open")
	}
	one.give(Answer{"1", OK})
	later.check(t)
}

func TestPipemapLater(t *testing.T) {
	w := newWorld(t)
	one, two := &slow{}, &slow{}
	table := pipemap{&members{common{w.Env, "pipemap:x", Fixed}, []Table{w.open("inline:{a=b}", 0), one, w.open("inline:{c=d}", 0), two}}}
	var later got
	if a := table.Get("x", 0, later.take); a.Status != NoKey {
		t.Error(spell(a))
	}
	ask := func() {
		t.Helper()
		if a := table.Get("a", 0, later.take); a.Status != Later {
			t.Fatal(spell(a))
		}
	}
	ask()
	one.give(Answer{"c", OK})
	two.give(Answer{"e", OK})
	later.check(t, "=e")
	if one.asked[0] != "b" || two.asked[0] != "d" {
		t.Errorf("asked for %q and %q", one.asked, two.asked)
	}
	ask()
	one.give(Answer{"x", OK})
	later.check(t, "no key")
	ask()
	one.give(Answer{Status: Config})
	later.check(t, "config")
}

func TestDebugLater(t *testing.T) {
	w := newWorld(t)
	inner := &slow{}
	table := &debugged{w.Env, "slow:x", inner}
	var later got
	table.Get("a", 0, later.take)
	w.logged()
	inner.give(Answer{"1", OK})
	later.check(t, "=1")
	w.logged(`info: slow:x lookup: "a" = "1"`)
}

func TestUnix(t *testing.T) {
	w := newWorld(t)
	asks := &slow{}
	w.User = func(name string, later func(Answer)) Answer { return asks.Get(name, 0, later) }
	table := w.open("unix:passwd.byname", 0).(*unixTable)
	table.file = w.file("passwd", "# user:x:1:1:::\nroot:x:0:0:root:/root:/bin/sh\nroot:x:5:5:::\n+nis:::::::\nshort:x:1:1::\nodd:x:007:+1:::\nplain:x:007:1:::\n")
	w.asks(table, "root", 0, "=root:x:0:0:root:/root:/bin/sh")
	w.asks(table, "ROOT", FoldFix, "=root:x:0:0:root:/root:/bin/sh")
	w.asks(table, "plain", 0, "=plain:x:7:1:::")

	var later got
	ask := func(key string, f Flags) {
		t.Helper()
		if a := table.Get(key, f, later.take); a.Status != Later {
			t.Fatal(spell(a))
		}
	}
	for _, key := range []string{"ROOT", "# user", "+nis", "short", "odd", "ldap", "0", "gone", "down"} {
		ask(key, 0)
	}
	for range 5 {
		asks.give(Answer{Status: NoKey})
	}
	asks.give(Answer{"ldap:*:5:5:Ä:/:", OK})
	asks.give(Answer{"root:x:0:0:root:/root:/bin/sh", OK}) // getent takes numbers
	asks.give(Answer{Status: NoKey})
	asks.give(Answer{Status: Retry})
	later.check(t, "no key", "no key", "no key", "no key", "no key", "=ldap:*:5:5:Ä:/:", "no key", "no key", "retry")
	ask("bad", UTF8Request)
	asks.give(Answer{"bad:x:5:5:\xff:/:", OK})
	later.check(t, "config")
	w.logged(`warning: unix:passwd.byname: key "bad": non-UTF-8 value "bad:x:5:5:?:/:": malformed UTF-8 or invalid codepoint`)

	w.file("passwd", "new:x:1:1:::\n")
	w.asks(table, "new", 0, "=new:x:1:1:::")
	ask("root", 0)
	table.Close()
	asks.give(Answer{"root:x:0:0:root:/root:/bin/sh", OK})
	later.check(t)
}

func TestUnixGroup(t *testing.T) {
	w := newWorld(t)
	table := w.open("unix:group.byname", 0).(*unixTable)
	table.file = w.file("group", "root:x:0:\nmail:x:08:a,b\nbad:x:y:\n")
	w.asks(table, "root", 0, "=root:x:0:")
	w.asks(table, "mail", 0, "=mail:x:8:a,b")
	w.asks(table, "bad", 0, "no key") // and nobody to ask
	table = w.open("unix:group.byname", 0).(*unixTable)
	table.file = w.dir + "/none"
	w.asks(table, "root", 0, "retry")
	w.logged("warning: cannot access UNIX group database: open none: No such file or directory")
}
