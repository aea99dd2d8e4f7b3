// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

func TestRealHash(t *testing.T)  { compareIndex(t, "hash") }
func TestRealBtree(t *testing.T) { compareIndex(t, "btree") }

func TestRealHashNotUTF8(t *testing.T)  { notUTF8(t, "hash") }
func TestRealBtreeNotUTF8(t *testing.T) { notUTF8(t, "btree") }

func TestRealHashRewritten(t *testing.T)  { rewritten(t, "hash") }
func TestRealBtreeRewritten(t *testing.T) { rewritten(t, "btree") }

// postmap -s prints what Next finds, a btree in the same order.
func TestRealBerkeleyWalk(t *testing.T) {
	source, _, _ := interopRows()
	for _, typ := range []string{"hash", "btree"} {
		for _, null := range []string{"-N", "-n"} {
			s := newIndexStage(t)
			p := newRealPostmap(t)
			name := s.dir + "/x"
			p.make(typ, name, source, null)
			stdout, stderr, err := p.run("", null, "-s", typ+":"+name)
			if err != nil {
				t.Fatalf("postmap -s: %v\n%s", err, stderr)
			}
			real := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			var ours []string
			x := s.open(t, typ+":"+name, 0).(Walker)
			for first := true; ; first = false {
				pair, status := x.Next(first, Lock, nil)
				if status != OK {
					break
				}
				ours = append(ours, pair.Key+"\t"+pair.Value)
			}
			if typ == "hash" {
				slices.Sort(ours)
				slices.Sort(real)
			}
			if len(ours) < 250 || !slices.Equal(ours, real) {
				t.Errorf("%s %s: %d pairs, the real one has %d", typ, null, len(ours), len(real))
			}
		}
	}
}

// What cannot be opened is refused in the words of the real one.
func TestRealBerkeleyRefused(t *testing.T) {
	s := newIndexStage(t)
	p := newRealPostmap(t)
	p.make("hash", s.dir+"/hash", "a 1\n")
	p.make("btree", s.dir+"/btree", "a 1\n")
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("root: postmaster\n", 100)} {
		if err := os.WriteFile(s.dir+"/"+name+".db", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(s.dir+"/dir.db", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"hash:btree", "btree:hash", "hash:empty", "btree:empty", "hash:text", "hash:missing", "btree:missing", "hash:dir"} {
		typ, name, _ := strings.Cut(ref, ":")
		_, stderr, err := p.run("", "-q", "a", typ+":"+s.dir+"/"+name)
		if err == nil {
			t.Fatalf("the real one opens %s", ref)
		}
		_, err = s.Open(typ+":"+s.dir+"/"+name, ReadOnly, postmapFlags)
		if err == nil || !strings.HasSuffix(stderr, "fatal: "+err.Error()+"\n") {
			t.Errorf("%s: %v; the real one says %s", ref, err, stderr)
		}
	}
}

// postmap puts keys in and takes them out again, without a lock for some of the
// writing. Those that it does not touch are there all the time, and those that
// were never there are not.
func TestRealBerkeleyUpdated(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		t.Run(typ, func(t *testing.T) { updated(t, typ) })
	}
}

func updated(t *testing.T, typ string) {
	const keys, rounds = 1200, 24
	s := newRealIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	var all, moving strings.Builder
	for i := range keys {
		line := fmt.Sprintf("key%d %s\n", i, strings.Repeat("v", i%300))
		if i%17 == 0 {
			line = fmt.Sprintf("key%d %s\n", i, strings.Repeat("long", 1000+i))
		}
		all.WriteString(line)
		if i%2 == 0 {
			moving.WriteString(line)
		}
	}
	p.make(typ, name, all.String())
	x, err := s.Open(typ+":"+name, ReadOnly, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	want := make(map[string]string)
	for line := range strings.Lines(all.String()) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		want[key] = value
	}
	asked, late, here, gone := 0, 0, 0, 0
	for round := range rounds {
		cmd := p.command("-i", typ+":"+name)
		cmd.Stdin = strings.NewReader(moving.String())
		if round%2 == 0 {
			cmd = p.command("-d", "-", typ+":"+name)
			var list strings.Builder
			for i := 0; i < keys; i += 2 {
				fmt.Fprintf(&list, "key%d\n", i)
			}
			cmd.Stdin = strings.NewReader(list.String())
		}
		ended := startPostmap(t, cmd)
		for over := false; !over; {
			over = ended()
			for range 50 {
				i := asked * 7919 % (keys + 100)
				asked++
				key := fmt.Sprint("key", i)
				a := s.ask(t, x, key, &late)
				value, exists := want[key]
				switch {
				case a.Status == OK && exists && a.Value == value:
					here++
				case a.Status == NoKey && (!exists || i%2 == 0):
					gone++
				default:
					t.Fatalf("%s in round %d: got %.60v, want %.60q", key, round, a, value)
				}
			}
		}
	}
	t.Logf("%d answers, %d of them late; %d found, %d not", asked, late, here, gone)
}

// A cursor goes on behind its key when that, and others, have been deleted; and
// what is there all the time is found once.
func TestRealBerkeleyDeletedInWalk(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		t.Run(typ, func(t *testing.T) {
			s := newIndexStage(t)
			p := newRealPostmap(t)
			name := s.dir + "/x"
			var source strings.Builder
			for i := range 400 {
				fmt.Fprintf(&source, "key%d %d\n", i, i)
			}
			p.make(typ, name, source.String())
			x := s.open(t, typ+":"+name, 0).(Walker)
			seen, deleted := make(map[string]bool), 0
			for {
				pair, status := x.Next(len(seen) == 0, Lock, nil)
				if status == NoKey {
					break
				}
				if status != OK || seen[pair.Key] {
					t.Fatalf("%v, %v, seen: %v", pair, status, seen[pair.Key])
				}
				seen[pair.Key] = true
				if len(seen)%20 == 1 { // this one
					if err := s.Loop.Turn(0); err != nil {
						t.Fatal(err)
					}
					if _, stderr, err := p.run("", "-d", pair.Key, typ+":"+name); err != nil {
						t.Fatalf("postmap -d %s: %v\n%s", pair.Key, err, stderr)
					}
					looptest.Advance(s.Loop, 2*fileHot)
					deleted++
				}
			}
			if len(seen) != 400 || deleted != 20 {
				t.Errorf("found %d keys of 400, of which %d were deleted: %.200v", len(seen), deleted, slices.Sorted(maps.Keys(seen)))
			}
		})
	}
}
