// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/table"
)

// TestShared: what clients want alike is one table, and what they want otherwise
// is another one.
func TestShared(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x", "fake:y")
	one, two := s.dial(), s.dial()
	ask := func(want int, request string) {
		t.Helper()
		for _, k := range []*client{one, two} {
			if got := k.ask(request); !strings.HasPrefix(got, "status\x000\x00") {
				t.Errorf("%q: got %q", request, got)
			}
		}
		if len(s.open) != want {
			t.Errorf("%q: %d tables, want %d", request, len(s.open), want)
		}
	}
	ask(1, list("request=open", "table=fake:x", "flags=0"))
	ask(1, get("fake:x", "a"))
	ask(1, list("request=lookup", "table=fake:x", "flags=524353", "key=a")) // warn_dup is a wish
	ask(1, list("request=lookup", "table=fake:x", "flags=16448", "key=a"))
	ask(2, list("request=open", "table=fake:x", "flags=8"))
	ask(3, list("request=open", "table=fake:y", "flags=0"))
	ask(4, list("request=open", "table=fake:x", "instance_flags=0"))
	ask(4, list("request=lookup", "table=fake:x", "instance_flags=0", "flags=16", "key=a"))
	ask(5, list("request=open", "table=fake:x", "instance_flags=1"))
	ask(6, list("request=lookup", "table=fake:x", "flags=526400", "key=a")) // no_regsub, which a table must know
	s.turns(1)
	for _, f := range s.open {
		if f.closed {
			t.Errorf("%s was closed", f.ref)
		}
	}
}

// TestManyWays: a table is open in so many ways at most, and one that nobody uses
// makes room for another, when nothing is due from it.
func TestManyWays(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x", "fake:y")
	s.make = func(f *fake) (table.Table, error) {
		f.later = len(s.open) == 0
		return f, nil
	}
	waits, k := s.dial(), s.dial()
	ask := func(ref string, flags int) string {
		t.Helper()
		return k.ask(list("request=lookup", "table="+ref, fmt.Sprintf("instance_flags=%d", flags), "flags=0", "key=a"))
	}
	const granted, refused = "status\x000\x00flags\x000\x00value\x001\x00\x00", "status\x002\x00flags\x000\x00value\x00\x00\x00"
	waits.ask(list("request=lookup", "table=fake:x", "instance_flags=0", "flags=0", "key=a"))
	for flags := 1; flags < maxWays; flags++ {
		if got := ask("fake:x", flags); got != granted {
			t.Fatalf("way %d: %q", flags, got)
		}
	}
	looptest.Advance(s.loop, wayTime/2)
	for range 2 {
		if got := ask("fake:x", maxWays); got != refused {
			t.Errorf("one way more: %q", got)
		}
	}
	if n := strings.Count(s.logged(), "fake:x is unavailable. it is open in 16 ways, with other flags, already"); n != 2 {
		t.Errorf("the log has %d lines about it", n)
	}
	if got := ask("fake:y", maxWays); got != granted { // another table is another matter
		t.Errorf("another table: %q", got)
	}
	for flags := 1; flags < maxWays; flags++ {
		ask("fake:x", flags)
	}
	looptest.Advance(s.loop, wayTime/2)
	if got := ask("fake:x", maxWays); got != granted {
		t.Errorf("when there is one that nobody has used: %q", got)
	}
	if got := ask("fake:x", maxWays+1); got != refused {
		t.Errorf("and there was one: %q", got)
	}
	first := s.open[0]
	if first.closed || len(s.s.tables.tables) != maxWays+1 {
		t.Errorf("the first was closed: %v; there are %d", first.closed, len(s.s.tables.tables))
	}
	s.loop.Later(first.due[0])
	s.turns(2)
	if got := waits.got(); got != granted || !first.closed {
		t.Errorf("who waited got %q; the table was closed: %v", got, first.closed)
	}
}

// TestWrittenTablesAreOne, whatever flags they are asked for with.
func TestWrittenTablesAreOne(t *testing.T) {
	s := newStage(t, Config{Mode: table.ReadWrite})
	s.allow("fake:x")
	k := s.dial()
	for _, flags := range []string{"0", "65536", "590208", "524353"} {
		k.ask(list("request=open", "table=fake:x", "flags="+flags))
		k.ask(list("request=open", "table=fake:x", "instance_flags="+flags))
	}
	if len(s.open) != 1 {
		t.Errorf("%d tables", len(s.open))
	}
	if got := k.ask(list("request=update", "table=fake:x", "flags=590208", "key=k", "value=v")); got != list("status=0") {
		t.Errorf("got %q", got)
	}
	if got := k.ask(get("fake:x", "k")); got != found("v") {
		t.Errorf("got %q", got)
	}
	if got := k.ask(list("request=delete", "table=fake:x", "flags=0", "key=k")) + k.ask(list("request=delete", "table=fake:x", "flags=0", "key=k")); got != list("status=0")+list("status=1") {
		t.Errorf("got %q", got)
	}
	want := []string{"put k=v dup_replace|sync_update|open_lock", "delete k sync_update"}
	var got []string
	for _, a := range s.last().asked {
		if strings.HasPrefix(a, "put") || strings.HasPrefix(a, "delete") {
			got = append(got, a)
		}
	}
	if fmt.Sprint(got[:2]) != fmt.Sprint(want) {
		t.Errorf("the table was asked %q", got)
	}
}

// TestFlagsForTables: what a table is opened with, and asked with, in either
// dialect.
func TestFlagsForTables(t *testing.T) {
	for _, c := range []struct {
		name, open, request string
		noUTF8              bool
		opened, asked       string
	}{
		// The client folds, and the table has to be alike.
		{"older", list("request=open", "table=fake:x", "flags=0"), get("fake:x", "a"), false, "fold_fix|utf8_active", "a lock"},
		{"older, no UTF-8", list("request=open", "table=fake:x", "flags=0"), list("request=lookup", "table=fake:x", "flags=16448", "key=a"), true, "fold_fix", "a lock|fold_fix"},
		{"newer", list("request=open", "table=fake:x", "instance_flags=540736"), list("request=lookup", "table=fake:x", "instance_flags=540736", "flags=1589328", "key=a"), false, "lock|fold_fix|utf8_active", "a fixed|lock|fold_fix|utf8_active"},
		{"newer, no UTF-8", list("request=open", "table=fake:x", "instance_flags=540736"), list("request=lookup", "table=fake:x", "instance_flags=540736", "flags=540752", "key=a"), true, "lock|fold_fix", "a fixed|lock|fold_fix"},
	} {
		s := newStage(t, Config{UTF8: !c.noUTF8})
		s.allow("fake:x")
		k := s.dial()
		k.ask(c.open)
		k.ask(c.request)
		if len(s.open) != 1 {
			t.Fatalf("%s: %d tables", c.name, len(s.open))
		}
		if got := s.open[0].opening.String(); got != c.opened {
			t.Errorf("%s: opened with %s, want %s", c.name, got, c.opened)
		}
		if got := s.open[0].asked[0]; got != c.asked {
			t.Errorf("%s: asked %s, want %s", c.name, got, c.asked)
		}
	}
}

// TestUnfoldedKeys of the older dialect come from a client that does not fold,
// and are asked of a table that does not either, if folding is for its kind.
func TestUnfoldedKeys(t *testing.T) {
	for own, want := range map[table.Flags]int{table.Fixed: 2, table.Pattern: 1} {
		s := newStage(t, Config{UTF8: true})
		s.allow("fake:x")
		s.make = func(f *fake) (table.Table, error) {
			f.own = own
			f.values["UPPER"] = table.Answer{Value: f.opening.String()}
			return f, nil
		}
		k := s.dial()
		k.ask(list("request=open", "table=fake:x", "flags=0"))
		got := k.ask(get("fake:x", "UPPER")) + k.ask(get("fake:x", "UPPER"))
		flags := "fold_fix|utf8_active"
		if own == table.Fixed {
			flags = "utf8_active"
		}
		if got != found(flags)+found(flags) || len(s.open) != want {
			t.Errorf("%s: got %q of %d tables", own, got, len(s.open))
		}
	}
}

// TestChanged: the old table answers until the new one is open, what it owes
// included, and it is asked no more than once a turn.
func TestChanged(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	version, broken := "1", false
	s.make = func(f *fake) (table.Table, error) {
		if broken {
			return nil, errors.New("open database /fake: No such file or directory")
		}
		f.values["v"] = table.Answer{Value: version}
		return f, nil
	}
	k, other := s.dial(), s.dial()
	if got := k.ask(get("fake:x", "v") + get("fake:x", "v")); got != found("1")+found("1") {
		t.Fatalf("got %q", got)
	}
	first := s.last()
	if first.looks != 0 {
		t.Errorf("a table was asked %d times in the turn it was opened in", first.looks)
	}
	k.send(strings.Repeat(get("fake:x", "v"), 3))
	other.send(get("fake:x", "v"))
	s.turns(1)
	if first.looks != 1 {
		t.Errorf("it was asked %d times in one turn", first.looks)
	}
	k.got()
	other.got()

	// Its file is not there for a while.
	first.changed, broken = true, true
	for range 5 {
		if got := k.ask(get("fake:x", "v")); got != found("1") {
			t.Errorf("got %q", got)
		}
	}
	s.saw("error: open database /fake: No such file or directory", "table fake:x: has changed -- its old content stays in use")

	// Somebody waits for the old one when the new one is there.
	first.later = true
	if got := other.ask(get("fake:x", "v")); got != "" {
		t.Errorf("got %q", got)
	}
	version, broken = "2", false
	if got := k.ask(get("fake:x", "b")); got != "" || len(s.open) != 1 { // too early to try again
		t.Errorf("got %q of %d tables", got, len(s.open))
	}
	third := s.dial()
	looptest.Advance(s.loop, retryFirst)
	if got := third.ask(get("fake:x", "v")); got != found("2") || len(s.open) != 2 {
		t.Errorf("got %q of %d tables", got, len(s.open))
	}
	if first.closed {
		t.Error("the old one was closed, and owes answers")
	}
	for _, f := range first.due {
		s.loop.Later(f)
	}
	s.turns(2)
	if a, b := other.got(), k.got(); a != found("1") || b != found("2") {
		t.Errorf("got %q and %q", a, b)
	}
	if !first.closed {
		t.Error("the old one is still open")
	}
	s.saw("table fake:x: has changed -- opened anew")
}

// TestSurrogate: a table that cannot be opened is there, and comes into being
// when its file does.
func TestSurrogate(t *testing.T) {
	s := newStage(t, Config{UTF8: true})
	s.allow("fake:x")
	reason := "open database /fake.db: No such file or directory"
	tries := 0
	s.make = func(f *fake) (table.Table, error) {
		if tries++; reason != "" {
			return nil, errors.New(reason)
		}
		return f, nil
	}
	k := s.dial()
	older, newer := get("fake:x", "a"), list("request=lookup", "table=fake:x", "instance_flags=540736", "flags=5783648", "key=a")
	for range 3 {
		if got := k.ask(list("request=open", "table=fake:x", "flags=0")); got != list("status=0", "flags=32") {
			t.Errorf("got %q", got)
		}
		if got := k.ask(list("request=open", "table=fake:x", "instance_flags=540736")); got != list("status=0", "flags=5783648") {
			t.Errorf("got %q", got)
		}
		if got := k.ask(older); got != list("status=2", "value=") {
			t.Errorf("got %q", got)
		}
		if got := k.ask(newer); got != list("status=2", "flags=5783648", "value=") {
			t.Errorf("got %q", got)
		}
	}
	if tries != 2 {
		t.Errorf("%d tries in no time", tries)
	}
	if n := strings.Count(s.logged(), "error: "+reason); n != 2 {
		t.Errorf("the reason is logged %d times, for two tables:\n%s", n, s.logged())
	}
	if n := strings.Count(s.logged(), "warning: fake:x is unavailable. "+reason); n != 6 {
		t.Errorf("unavailable %d times of 6", n)
	}
	reason = "open database /fake.db: Permission denied"
	looptest.Advance(s.loop, retryFirst)
	k.ask(older)
	s.saw("error: "+reason, "fake:x is unavailable. "+reason)
	reason = ""
	looptest.Advance(s.loop, time.Minute)
	if got := k.ask(older); got != found("1") {
		t.Errorf("got %q", got)
	}
	if got := k.ask(newer); got != list("status=0", "flags=1589328", "value=1") {
		t.Errorf("got %q", got)
	}
	s.saw("table fake:x: is available now")
}

// TestReadOnlyTables: proxywrite refuses to open them, and does not die of what
// a table cannot do.
func TestReadOnlyTables(t *testing.T) {
	s := newStage(t, Config{Mode: table.ReadWrite})
	s.allow("cidr:/x", "static:x")
	s.make = func(f *fake) (table.Table, error) { return f, nil }
	k := s.dial()
	update := func(ref string) string {
		return list("request=update", "table="+ref, "flags=0", "key=k", "value=v")
	}
	if got := k.ask(update("cidr:/x")); got != list("status=2") {
		t.Errorf("got %q", got)
	}
	s.saw("error: cidr:/x map requires O_RDONLY access mode", "warning: cidr:/x is unavailable. cidr:/x map requires O_RDONLY access mode")
	if got := k.ask(get("static:x", "a")); got != found("1") {
		t.Errorf("got %q", got)
	}
	for what, request := range map[string]string{
		"update":   update("static:x"),
		"delete":   list("request=delete", "table=static:x", "flags=0", "key=k"),
		"sequence": list("request=sequence", "table=static:x", "flags=0", "function=1"),
	} {
		if got := k.ask(request); !strings.HasPrefix(got, "status\x005\x00") {
			t.Errorf("%s: got %q", what, got)
		}
		s.saw("warning: table static:x: " + what + " operation is not supported")
	}
	s.open = s.open[1:] // the first one was closed
}

// TestWrittenAsSomebodyWants: who opens a table in a way that nobody can does not
// keep it from the others, though it is one for all.
func TestWrittenAsSomebodyWants(t *testing.T) {
	s := newStage(t, Config{Mode: table.ReadWrite})
	s.allow("hash:x")
	const both = table.OpenLock | table.Lock
	s.make = func(f *fake) (table.Table, error) {
		if f.opening&both == both {
			return nil, errors.New("both locks")
		}
		return writable{f}, nil
	}
	ask := func(f table.Flags) string {
		return s.dial().ask(list("request=lookup", "table=hash:x", fmt.Sprintf("instance_flags=%d", f), "flags=0", "key=a"))
	}
	if got := ask(both); !strings.Contains(got, "status\x002\x00") {
		t.Errorf("got %q", got)
	}
	s.saw("error: both locks", "warning: hash:x is unavailable. both locks")
	if got := ask(table.OpenLock); !strings.Contains(got, "status\x000\x00") {
		t.Errorf("got %q", got)
	}
	s.saw("table hash:x: is available now")
	if got := ask(both); !strings.Contains(got, "status\x000\x00") {
		t.Errorf("got %q", got)
	}
}

// TestStatusOfATable that no table has.
func TestStatusOfATable(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	s.make = func(f *fake) (table.Table, error) {
		f.values = map[string]table.Answer{"3": {Status: 3}, "-2": {Status: -2}, "99": {Status: 99}}
		return f, nil
	}
	k := s.dial()
	for key := range map[string]bool{"3": true, "-2": true, "99": true} {
		if got := k.ask(get("fake:x", key)); got != list("status=5", "value=") {
			t.Errorf("%s: got %q", key, got)
		}
	}
}

// TestDenied: two lines say what to do.
func TestDenied(t *testing.T) {
	for mode, want := range map[table.Mode]string{
		table.ReadOnly:  "to approve this table for read-only access, list proxy:hash:/x in main.cf:proxy_read_maps",
		table.ReadWrite: "to approve this table for read-write access, list proxy:hash:/x in main.cf:proxy_write_maps",
	} {
		s := newStage(t, Config{Mode: mode})
		if got := s.dial().ask(get("hash:/x", "k")); got != list("status=4", "value=") {
			t.Errorf("got %q", got)
		}
		s.saw(`warning: request for unapproved table: "hash:/x"`, "warning: "+want)
		if len(s.open) > 0 {
			t.Error("it was opened")
		}
	}
	s := newStage(t, Config{})
	k := s.dial()
	k.ask(list("request=update", "table=hash:/x", "flags=0", "key=k", "value=v"))
	k.ask(list("request=delete", "table=hash:/x", "flags=0", "key=k"))
	s.saw("warning: refusing hash:/x update request on non-proxywrite service", "warning: refusing hash:/x delete request on non-proxywrite service")
}
