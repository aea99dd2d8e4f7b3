// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRealLmdb(t *testing.T)          { compareIndex(t, "lmdb") }
func TestRealLmdbNotUTF8(t *testing.T)   { notUTF8(t, "lmdb") }
func TestRealLmdbRewritten(t *testing.T) { rewritten(t, "lmdb") }

// TestRealLmdbEmptyKey: the real one dies of the key that LMDB does not have.
func TestRealLmdbEmptyKey(t *testing.T) {
	s := newIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	p.make("lmdb", name, "key value\n")
	if _, stderr, err := p.run("\n", "-q", "-", "lmdb:"+name); err == nil || !strings.Contains(stderr, "MDB_BAD_VALSIZE") {
		t.Errorf("the real one: %v, %s", err, stderr)
	}
	if a := s.open(t, "lmdb:"+name, 0).Get("", postmapFlags, unexpected(t)); a.Status != NoKey {
		t.Errorf("got %v", a)
	}
	if log := s.logged(); log != "" {
		t.Errorf("logged %s", log)
	}
}

func TestRealLmdbWalk(t *testing.T) {
	for _, options := range [][]string{nil, {"-n"}, {"-N"}} {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			s := newIndexStage(t)
			p := newRealPostmap(t)
			name := s.dir + "/x"
			source, _, _ := interopRows()
			p.make("lmdb", name, source, options...)
			real, stderr, err := p.run("", "-s", "lmdb:"+name)
			if err != nil {
				t.Fatal(err, stderr)
			}
			var ours strings.Builder
			all := walkAll(t, s.open(t, "lmdb:"+name, 0).(Walker))
			for _, p := range all {
				fmt.Fprintf(&ours, "%s\t%s\n", p.Key, p.Value)
			}
			sameLines(t, ours.String(), real)
			t.Logf("%d rows", len(all))
		})
	}
}

// TestRealLmdbDeletedInWalk has the real postmap delete each row that a walk has
// returned, as those who clean up a cache do.
func TestRealLmdbDeletedInWalk(t *testing.T) {
	s := newIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	var source strings.Builder
	var want []string
	for i := range 60 {
		key := fmt.Sprintf("key%02d", i)
		fmt.Fprintf(&source, "%s %s\n", key, strings.Repeat("v", 400))
		want = append(want, key)
	}
	p.make("lmdb", name, source.String())
	x := s.open(t, "lmdb:"+name, 0).(Walker)
	var got []string
	for row, status := x.Next(true, 0, nil); status != NoKey; row, status = x.Next(false, 0, nil) {
		if status != OK {
			t.Fatalf("got %v behind %v", status, got)
		}
		got = append(got, row.Key)
		if _, stderr, err := p.run("", "-d", row.Key, "lmdb:"+name); err != nil {
			t.Fatal(err, stderr)
		}
		if a := x.Get(row.Key, postmapFlags, unexpected(t)); a.Status != NoKey {
			t.Fatalf("%s is still there: %v", row.Key, a)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if all := walkAll(t, x); all != nil {
		t.Errorf("left: %v", all)
	}
}

// TestRealLmdbGrowth has the real postmap outgrow the size that the file had
// when we opened it, and that of LMDB's map.
func TestRealLmdbGrowth(t *testing.T) {
	s := newIndexStage(t)
	p := newRealPostmap(t, "lmdb_map_size = 65536")
	name := s.dir + "/x"
	p.make("lmdb", name, "key0 small\n")
	x := s.open(t, "lmdb:"+name, 0)
	if a := x.Get("key0", postmapFlags, unexpected(t)); a.Value != "small" {
		t.Fatalf("got %v", a)
	}
	const rows = 20000
	var source strings.Builder
	for i := range rows {
		fmt.Fprintf(&source, "key%d big %d %s\n", i, i, strings.Repeat("v", 100))
	}
	p.make("lmdb", name, source.String())
	for i := range rows {
		if a := x.Get(fmt.Sprint("key", i), postmapFlags, unexpected(t)); !strings.HasPrefix(a.Value, fmt.Sprintf("big %d v", i)) {
			t.Fatalf("key%d: got %v", i, a)
		}
	}
	if n := len(walkAll(t, x.(Walker))); n != rows {
		t.Errorf("%d rows", n)
	}
}

// TestRealLmdbUpdated asks while real postmaps write one key each.
func TestRealLmdbUpdated(t *testing.T) {
	const rounds = 60
	s := newRealIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	source, _, _ := interopRows()
	p.make("lmdb", name, source+"key round 0\n")
	x := s.open(t, "lmdb:"+name, 0)
	asked, late := 0, 0
	for round := 1; round <= rounds; round++ {
		cmd := p.command("-r", "-i", "lmdb:"+name)
		cmd.Stdin = strings.NewReader(fmt.Sprintf("key round %d\n", round))
		ended := startPostmap(t, cmd)
		seen := round - 1
		for over := false; !over; asked++ {
			over = ended()
			a := s.ask(t, x, "key", &late)
			var at int
			if _, err := fmt.Sscanf(a.Value, "round %d", &at); a.Status != OK || err != nil || at < seen || at > round {
				t.Fatalf("got %v after round %d, in round %d", a, seen, round)
			}
			seen = at
		}
		if seen != round {
			t.Fatalf("round %d is over, and the answer is that of round %d", round, seen)
		}
	}
	t.Logf("%d answers, %d of them late", asked, late)
}
