// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// indexStage is where index files are tried out.
type indexStage struct {
	*Env
	dir  string
	logs []string
}

// newIndexStage makes one on which time stands still.
func newIndexStage(t testing.TB) *indexStage { return onIndexStage(t, looptest.New) }

func onIndexStage(t testing.TB, newLoop func(testing.TB) *loop.Loop) *indexStage {
	t.Helper()
	s := &indexStage{dir: t.TempDir()}
	log := maillog.New("test")
	if err := log.Open(maillog.Dest{Kind: maillog.File, File: s.dir + "/log"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	log.Warnf("opens the file")
	log.Tap(func(_, severity, text string) { s.logs = append(s.logs, severity+": "+text) })
	s.Env = &Env{Loop: newLoop(t), Log: log}
	return s
}

// copy copies a golden file, and returns the table's name.
func (s *indexStage) copy(t testing.TB, typ, golden string) string {
	t.Helper()
	name := s.dir + "/" + golden
	s.replace(t, typ, golden, name)
	return name
}

// replace has the golden file take the place of that of the table called name,
// by renaming it.
func (s *indexStage) replace(t testing.TB, typ, golden, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(typ, "testdata", golden+"."+typ))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.dir+"/new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.dir+"/new", name+"."+typ); err != nil {
		t.Fatal(err)
	}
}

func (s *indexStage) open(t testing.TB, ref string, f Flags) Table {
	t.Helper()
	x, err := s.Open(ref, ReadOnly, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// logged returns what has been logged since it was asked last.
func (s *indexStage) logged() string {
	all := strings.Join(s.logs, "\n")
	s.logs = nil
	return strings.ReplaceAll(all, s.dir, "DIR")
}

// unexpected is for answers that are to be there at once.
func unexpected(t testing.TB) func(Answer) {
	return func(a Answer) { t.Errorf("called back with %v", a) }
}

func TestIndexGet(t *testing.T) {
	const both = Try0Null | Try1Null
	for _, test := range []struct {
		typ, golden, key string
		open, f          Flags
		want             Answer
	}{
		{"cdb", "small", "a", 0, 0, Answer{"1", OK}},
		{"cdb", "small", "c", 0, Lock, Answer{"three words", OK}},
		{"cdb", "small", "b", 0, 0, Answer{"2", OK}},
		{"cdb", "small", "B", 0, 0, Answer{"", NoKey}},
		{"cdb", "small", "B", 0, FoldFix, Answer{"2", OK}},
		{"cdb", "small", "B", 0, FoldMul, Answer{"", NoKey}},
		{"cdb", "small", "", 0, 0, Answer{"", NoKey}},
		{"cdb", "small", "x", 0, 0, Answer{"", NoKey}},
		{"cdb", "small", "\xff", 0, 0, Answer{"", NoKey}},
		{"cdb", "small", "a", Try0Null, 0, Answer{"1", OK}},
		{"cdb", "small", "a", Try1Null, 0, Answer{"", NoKey}},
		{"cdb", "nulls", "a", 0, 0, Answer{"1", OK}},
		{"cdb", "nulls", "a", both, 0, Answer{"1", OK}},
		{"cdb", "nulls", "a", Try1Null, 0, Answer{"1", OK}},
		{"cdb", "nulls", "a", Try0Null, 0, Answer{"", NoKey}},
		{"cdb", "many", "user1499@example.com", 0, 0, Answer{"value 1499", OK}},
		{"cdb", "long", strings.Repeat("k", 70000), 0, UTF8Request, Answer{"key70000", OK}},
		{"cdb", "long", "VALUE70000", 0, FoldFix | UTF8Active, Answer{strings.Repeat("v", 70000), OK}},
		{"cdb", "empty", "a", 0, 0, Answer{"", NoKey}},

		{"lmdb", "small", "a", 0, 0, Answer{"1", OK}},
		{"lmdb", "small", "c", 0, Lock, Answer{"three words", OK}},
		{"lmdb", "small", "b", 0, 0, Answer{"2", OK}},
		{"lmdb", "small", "B", 0, 0, Answer{"", NoKey}},
		{"lmdb", "small", "B", 0, FoldFix, Answer{"2", OK}},
		{"lmdb", "small", "", 0, 0, Answer{"", NoKey}},
		{"lmdb", "small", "x", 0, 0, Answer{"", NoKey}},
		{"lmdb", "small", "a", Try1Null, 0, Answer{"1", OK}},
		{"lmdb", "small", "a", Try0Null, 0, Answer{"", NoKey}},
		{"lmdb", "plain", "a", 0, 0, Answer{"1", OK}},
		{"lmdb", "plain", "a", Try0Null, 0, Answer{"1", OK}},
		{"lmdb", "plain", "", Try0Null, 0, Answer{"", NoKey}},
		{"lmdb", "plain", "a", Try1Null, 0, Answer{"", NoKey}},
		{"lmdb", "long", "value20000", 0, 0, Answer{strings.Repeat("v", 20000), OK}},
		{"lmdb", "page16384", "value20000", 0, 0, Answer{strings.Repeat("v", 20000), OK}},
		{"lmdb", "long", strings.Repeat("k", 510), 0, 0, Answer{"510", OK}},
		{"lmdb", "long", strings.Repeat("k", 511), 0, 0, Answer{"", NoKey}},
		{"lmdb", "long", strings.Repeat("k", 512), 0, 0, Answer{"", NoKey}},
		{"lmdb", "long", strings.Repeat("k", 100000), 0, 0, Answer{"", NoKey}},
		{"lmdb", "empty", "a", 0, 0, Answer{"", NoKey}},
	} {
		t.Run(fmt.Sprintf("%s %s %.20q %v %v", test.typ, test.golden, test.key, test.open, test.f), func(t *testing.T) {
			s := newIndexStage(t)
			x := s.open(t, test.typ+":"+s.copy(t, test.typ, test.golden), test.open)
			for range 2 {
				if got := x.Get(test.key, test.f, unexpected(t)); got != test.want {
					t.Errorf("got %.40v, want %.40v", got, test.want)
				}
			}
			want := Fixed | test.open
			if test.open == 0 {
				want |= both
			}
			if test.typ == "lmdb" {
				want |= MultiWriter
			}
			if got := x.Flags(); got != want {
				t.Errorf("flags are %v, want %v", got, want)
			}
			if log := s.logged(); log != "" {
				t.Errorf("logged %s", log)
			}
		})
	}
}

func TestIndexUTF8(t *testing.T) {
	for _, typ := range []string{"cdb", "lmdb"} {
		t.Run(typ, func(t *testing.T) {
			s := newIndexStage(t)
			x := s.open(t, typ+":"+s.copy(t, typ, "small"), 0)
			if got := x.Get("\xff", UTF8Request, unexpected(t)); got.Status != NoKey {
				t.Errorf("got %v", got)
			}
			name := map[string]string{"cdb": "small.cdb", "lmdb": "small"}[typ]
			want := "warning: " + typ + ":DIR/" + name + ": non-UTF-8 key \"?\": malformed UTF-8 or invalid codepoint"
			if log := s.logged(); log != want {
				t.Errorf("logged %q, want %q", log, want)
			}
		})
	}
}

func TestIndexOpenErrors(t *testing.T) {
	const otherPage = "open database DIR/x.lmdb: MDB_INVALID: File is not an LMDB file"
	for _, test := range []struct {
		ref   string
		make  func(path string) error
		mode  Mode
		wants string
	}{
		{"cdb", nil, ReadOnly, "open database DIR/x.cdb: No such file or directory"},
		{"lmdb", nil, ReadOnly, "open database DIR/x.lmdb: No such file or directory"},
		{"cdb", nil, ReadWrite, "cdb:DIR/x map requires O_RDONLY access mode"},
		{"cdb", dir, ReadOnly, "open database DIR/x.cdb: Is a directory"},
		{"lmdb", dir, ReadOnly, "open database DIR/x.lmdb: Is a directory"},
		{"cdb", fifo, ReadOnly, "open database DIR/x.cdb: not a regular file"},
		{"lmdb", fifo, ReadOnly, "open database DIR/x.lmdb: not a regular file"},
		{"cdb", zeros(0), ReadOnly, "dict_cdbq_open: unable to init DIR/x.cdb: Protocol error"},
		{"cdb", zeros(2047), ReadOnly, "dict_cdbq_open: unable to init DIR/x.cdb: Protocol error"},
		{"lmdb", zeros(0), ReadOnly, otherPage},
		{"lmdb", zeros(100000), ReadOnly, otherPage},
	} {
		t.Run(test.wants, func(t *testing.T) {
			s := newIndexStage(t)
			if test.make != nil {
				if err := test.make(s.dir + "/x." + test.ref); err != nil {
					t.Fatal(err)
				}
			}
			x, err := s.Open(test.ref+":"+s.dir+"/x", test.mode, 0)
			if err == nil {
				x.Close()
				t.Fatal("opened")
			}
			if got := strings.ReplaceAll(err.Error(), s.dir, "DIR"); got != test.wants {
				t.Errorf("got %q", got)
			}
		})
	}
}

func dir(path string) error  { return os.Mkdir(path, 0o700) }
func fifo(path string) error { return unix.Mkfifo(path, 0o600) }

func zeros(n int) func(string) error {
	return func(path string) error { return os.WriteFile(path, make([]byte, n), 0o600) }
}

// TestIndexOlder has source files of several ages beside the index.
func TestIndexOlder(t *testing.T) {
	for _, test := range []struct {
		typ    string
		f      Flags
		source time.Duration // edited that long ago
		warns  bool
	}{
		{"cdb", 0, 200 * time.Second, true},
		{"cdb", 0, 50 * time.Second, false},
		{"cdb", 0, 300 * time.Second, false},
		{"lmdb", Lock, 200 * time.Second, true},
		{"lmdb", 0, 200 * time.Second, false},
		{"lmdb", Lock, 50 * time.Second, false},
		{"lmdb", Lock, 300 * time.Second, false},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			s := newIndexStage(t)
			name := s.copy(t, test.typ, "small")
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			now := s.Loop.Now()
			for path, ago := range map[string]time.Duration{name: test.source, name + "." + test.typ: 300 * time.Second} {
				if err := os.Chtimes(path, now, now.Add(-ago)); err != nil {
					t.Fatal(err)
				}
			}
			s.open(t, test.typ+":"+name, test.f)
			want := ""
			if test.warns {
				want = fmt.Sprintf("warning: database DIR/small.%s is older than source file DIR/small", test.typ)
			}
			if log := s.logged(); log != want {
				t.Errorf("logged %q, want %q", log, want)
			}
		})
	}
}

func TestIndexChanged(t *testing.T) {
	for _, typ := range []string{"cdb", "lmdb"} {
		t.Run(typ, func(t *testing.T) {
			s := newIndexStage(t)
			name := s.copy(t, typ, "small")
			path := name + "." + typ
			x := s.open(t, typ+":"+name, 0)
			is := func(want bool, when string) {
				t.Helper()
				if got := x.(Changer).Changed(); got != want {
					t.Errorf("%s: changed is %v", when, got)
				}
			}
			is(false, "at first")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			is(false, "after its removal")
			s.replace(t, typ, "small", name)
			is(true, "after a rename")
			if got := x.Get("a", 0, unexpected(t)); got.Value != "1" {
				t.Errorf("the old file has %v", got)
			}

			x = s.open(t, typ+":"+name, 0)
			is(false, "opened anew")
			if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			is(typ == "cdb", "written to")
		})
	}
}

// walkAll asks for the whole table.
func walkAll(t *testing.T, x Walker) (all []Pair) {
	t.Helper()
	for first := true; ; first = false {
		p, s := x.Next(first, 0, func(p Pair, s Status) { t.Errorf("called back with %v, %v", p, s) })
		if s == NoKey {
			return all
		}
		if s != OK {
			t.Fatalf("got %v behind %v", s, all)
		}
		all = append(all, p)
	}
}

func TestIndexNext(t *testing.T) {
	for _, test := range []struct {
		typ, golden string
		want        []Pair
		again       Status // behind the end
	}{
		{"cdb", "small", []Pair{{"a", "1"}, {"b", "2"}, {"c", "three words"}}, NoKey},
		{"cdb", "nulls", []Pair{{"a", "1"}, {"b", "2"}, {"c", "three words"}}, NoKey},
		{"cdb", "empty", nil, NoKey},
		{"lmdb", "small", []Pair{{"a", "1"}, {"b", "2"}, {"c", "three words"}, {"empty@example.com", "x"}}, OK},
		{"lmdb", "plain", []Pair{{"a", "1"}, {"b", "2"}, {"c", "three words"}, {"empty@example.com", "x"}}, OK},
		{"lmdb", "empty", nil, NoKey},
	} {
		t.Run(test.typ+" "+test.golden, func(t *testing.T) {
			s := newIndexStage(t)
			x := s.open(t, test.typ+":"+s.copy(t, test.typ, test.golden), 0).(Walker)
			if p, status := x.Next(false, 0, nil); len(test.want) > 0 && (status != OK || p != test.want[0]) {
				t.Errorf("without a first one: %v, %v", p, status)
			}
			for range 2 {
				if got := walkAll(t, x); !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			}
			if p, status := x.Next(false, 0, nil); status != test.again {
				t.Errorf("behind the end: %v, %v", p, status)
			}
		})
	}
}

// TestIndexCutOff cuts a file off while it is open. A mapped one would end the
// process.
func TestIndexCutOff(t *testing.T) {
	for _, test := range []struct {
		typ, golden, key string
		size             int64
		wants            string
	}{
		{"cdb", "many", "user1@example.com", 0, "DIR/many.cdb: Protocol error"},
		{"cdb", "many", "user1@example.com", 3000, "DIR/many.cdb: Protocol error"},
		{"lmdb", "tree", "user1@abcdefghijklmnopqrstuvwxyzabcd.example", 0, "lmdb:DIR/tree: MDB_INVALID: File is not an LMDB file"},
		{"lmdb", "tree", "user1@abcdefghijklmnopqrstuvwxyzabcd.example", 5000, "lmdb:DIR/tree: MDB_PAGE_NOTFOUND: Requested page not found"},
	} {
		t.Run(fmt.Sprint(test.typ, test.size), func(t *testing.T) {
			s := newIndexStage(t)
			name := s.copy(t, test.typ, test.golden)
			x := s.open(t, test.typ+":"+name, 0)
			if err := os.Truncate(name+"."+test.typ, test.size); err != nil {
				t.Fatal(err)
			}
			if got := x.Get(test.key, 0, unexpected(t)); got.Status != Retry {
				t.Errorf("got %v", got)
			}
			want := "warning: error reading " + test.wants
			if log := s.logged(); log != want {
				t.Errorf("logged %q, want %q", log, want)
			}
			_, _ = x.(Walker).Next(true, 0, nil)
		})
	}
}

func benchmarkIndex(b *testing.B, typ, golden, key string, want Status) {
	s := newIndexStage(b)
	x := s.open(b, typ+":"+s.copy(b, typ, golden), 0)
	b.ReportAllocs()
	for b.Loop() {
		if got := x.Get(key, FoldFix|UTF8Request|Lock, nil); got.Status != want {
			b.Fatal(got)
		}
	}
}

func BenchmarkCdbHit(b *testing.B)  { benchmarkIndex(b, "cdb", "many", "user777@example.com", OK) }
func BenchmarkCdbMiss(b *testing.B) { benchmarkIndex(b, "cdb", "many", "nobody@example.com", NoKey) }

func BenchmarkLmdbHit(b *testing.B) {
	benchmarkIndex(b, "lmdb", "tree", "user7@abcdefghijklmnopqrstuvwx.example", OK)
}

func BenchmarkLmdbMiss(b *testing.B) { benchmarkIndex(b, "lmdb", "tree", "nobody@example.com", NoKey) }
