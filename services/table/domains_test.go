// SPDX-License-Identifier: ISC

package table

import (
	"testing"

	"postloop/loop/looptest"
)

func (w *netWorld) match(d *domains, key string) Status {
	w.t.Helper()
	r := &done{}
	r.set(d.match(key, r.later))
	w.until(func() bool { return r.here })
	return r.Status
}

// TestDomains: which keys the real memcache client asked about.
func TestDomains(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	from := w.newSources()
	file := w.file("# a comment\nfile.org\n  cont.org, three.org\n!not.org\n")
	for _, row := range []struct {
		list string
		want map[string]bool
	}{
		{"", map[string]bool{"a@b": true, "a": true, "": true}},
		{"example.com, Other.ORG", map[string]bool{
			"a@example.com": true, "a@sub.example.com": false, "a@EXAMPLE.com": true, "a@other.org": true, "a@nope": false,
			"@example.com": false, "example.com": false, "a@": false, "": false, "a@b@example.com": true, "a@\xff": false,
		}},
		{file, map[string]bool{"a@file.org": true, "a@cont.org": true, "a@three.org": true, "a@x": false, "a@not.org": false}},
		{"!" + file + " all.org", map[string]bool{"a@file.org": false, "a@all.org": true, "a@not.org": true}},
		{"!bad.org, !!good.org bad.org", map[string]bool{"a@bad.org": false, "a@good.org": true}},
		{".example.com, example.*", map[string]bool{"a@sub.example.com": false, "a@example.com": false}},
		{"MÜLLER.example straße.de", map[string]bool{"a@müller.example": true, "a@STRASSE.de": true}},
	} {
		d, err := w.openDomains(row.list, &from)
		if err != nil {
			t.Errorf("%q: %v", row.list, err)
			continue
		}
		for key, want := range row.want {
			if got := w.match(d, key); (got == OK) != want || got != OK && got != NoKey {
				t.Errorf("%q: %q: %d", row.list, key, got)
			}
		}
		d.close()
	}
	loop := w.file("")
	w.rewrite(loop, loop+"\n")
	for list, want := range map[string]string{
		"/nonexistent": "open file /nonexistent: No such file or directory",
		"/dev":         "read file /dev: Is a directory",
		"a !":          `no pattern after '!' in "a !"`,
		"nosuch:x":     "unsupported dictionary type: nosuch",
		loop:           "open file " + loop + ": a list in a list in a list, without an end",
		"{a":           `missing '}' in "{a"`,
	} {
		if _, err := w.openDomains(list, &from); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", list, err, want)
		}
	}
}

// TestDomainTables: tables in a list are asked in its order, at once or in a
// later turn, and an answer that is none is one for the whole list.
func TestDomainTables(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w := newNetWorld(t, looptest.New(t))
		yes := &fakeTable{w: w, slow: slow, values: map[string]string{"in.org": ""}}
		no := &fakeTable{w: w, slow: slow, values: map[string]string{"bad.org": "x"}}
		d := &domains{items: []domain{{name: "first.org"}, {not: true, table: no}, {table: yes}, {name: "last.org"}}}
		for key, want := range map[string]Status{
			"a@first.org": OK, "a@bad.org": NoKey, "a@in.org": OK, "a@IN.org": OK, "a@last.org": OK, "a@none.org": NoKey,
		} {
			if got := w.match(d, key); got != want {
				t.Errorf("%s: got %d, want %d", key, got, want)
			}
		}
		for _, s := range []Status{Retry, Config} {
			yes.status = s
			if got := w.match(d, "a@last.org"); got != Retry {
				t.Errorf("got %d", got)
			}
			if got := w.match(d, "a@bad.org"); got != NoKey {
				t.Errorf("got %d", got)
			}
		}
	}
}
