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

	"golang.org/x/sys/unix"

	"postloop/loop/looptest"
	"postloop/master/maillog"
)

// berkeleyStage is where hash: and btree: are tried out.
type berkeleyStage struct {
	*Env
	t    testing.TB
	dir  string
	logs []string
}

func newBerkeleyStage(t testing.TB) *berkeleyStage {
	t.Helper()
	s := &berkeleyStage{t: t, dir: t.TempDir()}
	log := maillog.New("test")
	s.must(log.Open(maillog.Dest{Kind: maillog.File, File: s.dir + "/log"}))
	t.Cleanup(log.Close)
	log.Warnf("this opens the log")
	log.Tap(func(_, severity, text string) {
		s.logs = append(s.logs, severity+": "+strings.ReplaceAll(text, s.dir+"/", ""))
	})
	s.Env = &Env{Loop: looptest.New(t), Log: log}
	return s
}

func (s *berkeleyStage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// golden is one of the reader's files.
func (s *berkeleyStage) golden(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join("bdb", "testdata", name+".db"))
	s.must(err)
	return b
}

// write writes name.db in place, or makes it.
func (s *berkeleyStage) write(name string, b []byte) {
	s.t.Helper()
	s.must(os.WriteFile(s.dir+"/"+name+".db", b, 0o600))
}

// move has another file take the place of name.db.
func (s *berkeleyStage) move(name string, b []byte) {
	s.t.Helper()
	s.write("new", b)
	s.must(os.Rename(s.dir+"/new.db", s.dir+"/"+name+".db"))
}

func (s *berkeleyStage) open(typ, name string, f Flags) Table {
	s.t.Helper()
	x, err := s.Open(typ+":"+s.dir+"/"+name, ReadOnly, f)
	s.must(err)
	s.t.Cleanup(x.Close)
	return x
}

// is asks for a key, in a turn of its own. The answer is to be there at once.
func (s *berkeleyStage) is(x Table, key string, f Flags, want Answer) {
	s.t.Helper()
	got := x.Get(key, f, func(a Answer) { s.t.Errorf("called back with %.60v", a) })
	if got != want {
		s.t.Errorf("Get(%.60q, %v): %.60v; want %.60v", key, f, got, want)
	}
	s.turn()
}

// waits asks for a key whose answer is to come later.
func (s *berkeleyStage) waits(x Table, key string) *[]Answer {
	s.t.Helper()
	var got []Answer
	if a := x.Get(key, Lock, func(a Answer) { got = append(got, a) }); a.Status != Later {
		s.t.Fatalf("Get(%q): %v; want Later", key, a)
	}
	s.turn()
	return &got
}

func (s *berkeleyStage) turn() {
	s.t.Helper()
	s.must(s.Loop.Turn(0))
}

// logged checks what was logged since it was asked last.
func (s *berkeleyStage) logged(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.logs, want) {
		s.t.Errorf("logged %q, want %q", s.logs, want)
	}
	s.logs = nil
}

// lock locks name.db as a writer does.
func (s *berkeleyStage) lock(name string) (unlock func()) {
	s.t.Helper()
	f, err := os.OpenFile(s.dir+"/"+name+".db", os.O_RDWR, 0)
	s.must(err)
	s.must(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	return func() { s.must(f.Close()) }
}

// cool has so much time pass that the files may have been written long ago.
func (s *berkeleyStage) cool() { looptest.Advance(s.Loop, time.Minute) }

// until lets time pass until cond holds.
func (s *berkeleyStage) until(cond func() bool) {
	s.t.Helper()
	for range 1100 {
		if cond() {
			return
		}
		looptest.Advance(s.Loop, 100*time.Millisecond)
	}
	s.t.Fatal("it does not come true")
}

func ok(value string) Answer { return Answer{value, OK} }

var noKey, retryLater = Answer{"", NoKey}, Answer{"", Retry}

func TestBerkeleyGet(t *testing.T) {
	const both = Try0Null | Try1Null
	long := strings.Repeat("0", 4999) + "2"
	for _, test := range []struct {
		ref, key string
		open, f  Flags
		want     Answer
	}{
		{"hash:hash", "user1@example.com", 0, 0, ok("box1")},
		{"hash:hash", "user1@example.com", Lock, Lock | UTF8Request, ok("box1")},
		{"hash:hash", "USER1@example.com", 0, 0, noKey},
		{"hash:hash", "USER1@example.com", 0, FoldFix, ok("box1")},
		{"hash:hash", "USER1@example.com", 0, FoldMul, noKey},
		{"hash:hash", "UTF8-Ü", 0, FoldFix | UTF8Request, ok("wert-ü")},
		{"hash:hash", "utf8-\xff", 0, FoldFix | UTF8Request, noKey},
		{"hash:hash", "utf8-\xff", 0, 0, noKey},
		{"hash:hash", "", 0, 0, noKey},
		{"hash:hash", "user1@example.com\x00", 0, 0, noKey},
		{"hash:hash", "user7@example.com", 0, 0, noKey},
		{"hash:hash", "empty-parts", 0, 0, ok("two  words")},
		{"hash:hash", "long-value", 0, 0, ok(strings.Repeat("0", 8999) + "1")},
		{"hash:hash", long, 0, 0, ok("long key")},
		{"hash:hash", "user1@example.com", Try1Null, 0, ok("box1")},
		{"hash:hash", "user1@example.com", Try0Null, 0, noKey},
		{"hash:hash", "user1@example.com", both, Try0Null, noKey},
		{"hash:hash", "user1@example.com", Try0Null, both, ok("box1")},
		{"hash:hash-512-big", "user1@example.com", 0, 0, ok("box1")},
		{"hash:hash-512-big", "user1@example.com", Try1Null, 0, noKey},
		{"hash:hash-none", "a", 0, 0, noKey},

		{"btree:btree", "user1@example.com", Lock, Lock, ok("box1")},
		{"btree:btree", "USER1@example.com", 0, FoldFix, ok("box1")},
		{"btree:btree", "user7@example.com", 0, 0, noKey},
		{"btree:btree", "long-value", 0, 0, ok(strings.Repeat("0", 8999) + "1")},
		{"btree:btree", long, 0, 0, ok("long key")},
		{"btree:btree", "user1@example.com", Try0Null, 0, noKey},
		{"btree:btree-512-big", "user1@example.com", 0, 0, ok("box1")},
		{"btree:btree-512-big", "zzz", 0, 0, noKey},
		{"btree:btree-none", "a", 0, 0, noKey},
	} {
		t.Run(fmt.Sprintf("%s %.20q %v %v", test.ref, test.key, test.open, test.f), func(t *testing.T) {
			s := newBerkeleyStage(t)
			typ, name, _ := strings.Cut(test.ref, ":")
			s.write(name, s.golden(name))
			s.is(s.open(typ, name, test.open), test.key, test.f, test.want)
		})
	}
}

func TestBerkeleyFlags(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	for _, test := range []struct{ f, want Flags }{
		{0, Fixed | Try0Null | Try1Null},
		{Lock | FoldFix, Fixed | Try0Null | Try1Null},
		{Try0Null, Fixed | Try0Null},
		{Try1Null | Lock, Fixed | Try1Null},
	} {
		if got := s.open("hash", "x", test.f).Flags(); got != test.want {
			t.Errorf("opened with %v: %v, want %v", test.f, got, test.want)
		}
	}
}

func TestBerkeleyRefused(t *testing.T) {
	s := newBerkeleyStage(t)
	for _, name := range []string{"hash", "btree", "hash-dups", "btree-dups", "btree-sub"} {
		s.write(name, s.golden(name))
	}
	s.write("empty", nil)
	s.write("text", []byte(strings.Repeat("root: postmaster\n", 100)))
	s.write("short", s.golden("hash")[:8192])
	s.must(os.Mkdir(s.dir+"/dir.db", 0o700))
	s.must(unix.Mkfifo(s.dir+"/fifo.db", 0o600))
	const invalid = "open database %s.db: Invalid argument"
	for _, test := range []struct {
		typ, name string
		m         Mode
		f         Flags
		want, log string
	}{
		{"hash", "btree", ReadOnly, 0, invalid, "warning: btree.db: unexpected file type or format: it is of type btree"},
		{"btree", "hash", ReadOnly, 0, invalid, "warning: hash.db: unexpected file type or format: it is of type hash"},
		{"hash", "empty", ReadOnly, Lock, invalid, "warning: empty.db: the file is empty"},
		{"btree", "text", ReadOnly, Lock, invalid, "warning: text.db: unexpected file type or format"},
		{"hash", "short", ReadOnly, 0, "open database %s.db: the file is cut off: it has 8192 bytes of 32768", ""},
		{"hash", "hash-dups", ReadOnly, 0, "open database %s.db: duplicate keys are not supported", ""},
		{"btree", "btree-dups", ReadOnly, 0, "open database %s.db: duplicate keys are not supported", ""},
		{"btree", "btree-sub", ReadOnly, 0, "open database %s.db: several databases in one file are not supported", ""},
		{"hash", "missing", ReadOnly, 0, "open database %s.db: No such file or directory", ""},
		{"hash", "dir", ReadOnly, 0, "open database %s.db: Is a directory", ""},
		{"hash", "fifo", ReadOnly, 0, "open database %s.db: not a regular file", ""},
		{"hash", "hash", ReadWrite, Lock | OpenLock, `attempt to open hash:%s with both "open" lock and "access" lock`, ""},
		{"btree", "btree", ReadOnly, Lock | OpenLock, `attempt to open btree:%s with both "open" lock and "access" lock`, ""},
	} {
		_, err := s.Open(test.typ+":"+s.dir+"/"+test.name, test.m, test.f)
		if want := fmt.Sprintf(test.want, s.dir+"/"+test.name); err == nil || err.Error() != want {
			t.Errorf("open %s:%s: %v; want %s", test.typ, test.name, err, want)
		}
		if test.log == "" {
			s.logged()
		} else {
			s.logged(test.log)
		}
	}
}

func TestBerkeleyOlderThanSource(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	s.must(os.WriteFile(s.dir+"/x", nil, 0o600))
	now := time.Now()
	touch := func(name string, ago time.Duration) { s.must(os.Chtimes(s.dir+"/"+name, now.Add(-ago), now.Add(-ago))) }
	touch("x.db", time.Hour)
	touch("x", 50*time.Second) // whoever did that may still want to run postmap
	s.open("hash", "x", Lock)
	s.logged()
	touch("x", 10*time.Minute)
	s.open("hash", "x", 0)
	s.logged()
	s.open("hash", "x", Lock)
	s.logged("warning: database x.db is older than source file x")
	touch("x", 2*time.Hour)
	s.open("hash", "x", Lock)
	s.logged()
}

// A file that a writer has locked is not waited for: the answer comes later.
func TestBerkeleyLocked(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	x := s.open("hash", "x", 0)
	unlock := s.lock("x")
	one, none := s.waits(x, "user1@example.com"), s.waits(x, "nobody")
	looptest.Advance(s.Loop, 20*time.Second)
	if len(*one)+len(*none) > 0 {
		t.Fatalf("answers out of a locked file: %v, %v", *one, *none)
	}
	unlock()
	s.until(func() bool { return len(*one) == 1 && len(*none) == 1 })
	if (*one)[0] != ok("box1") || (*none)[0] != noKey {
		t.Errorf("answers %v, %v", *one, *none)
	}
	s.is(x, "user2@example.com", 0, ok("box2"))
	s.logged()
}

// A writer that never ends does not keep a client for ever.
func TestBerkeleyLockedForLong(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("btree"))
	x := s.open("btree", "x", 0)
	defer s.lock("x")()
	got := s.waits(x, "user1@example.com")
	var pair []Status
	if _, status := x.(Walker).Next(true, 0, func(_ Pair, s Status) { pair = append(pair, s) }); status != Later {
		t.Fatalf("Next: %v", status)
	}
	s.until(func() bool { return len(*got) == 1 && len(pair) == 1 })
	if (*got)[0] != retryLater || pair[0] != Retry {
		t.Errorf("after a long time: %v, %v", *got, pair)
	}
	s.logged("warning: x.db: waited 1m40s for those who write to it", "warning: x.db: waited 1m40s for those who write to it")
}

// A table that is opened while it is being made is one.
func TestBerkeleyOpenedLocked(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", nil)
	unlock := s.lock("x")
	x := s.open("hash", "x", 0)
	got := s.waits(x, "user1@example.com")
	s.write("x", s.golden("hash"))
	unlock()
	s.until(func() bool { return len(*got) == 1 })
	if (*got)[0] != ok("box1") {
		t.Errorf("answer %v", *got)
	}
}

// Close while requests wait: they get no answer, and nothing is left of it. So
// it is from within an answer.
func TestBerkeleyClosedWhileWaiting(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	x, err := s.Open("hash:"+s.dir+"/x", ReadOnly, 0)
	s.must(err)
	unlock := s.lock("x")
	answers := 0
	for range 3 {
		if a := x.Get("nobody", 0, func(Answer) { answers++; x.Close() }); a.Status != Later {
			t.Fatalf("answer %v", a)
		}
	}
	unlock()
	s.until(func() bool { return answers > 0 })
	looptest.Advance(s.Loop, time.Minute)
	if answers != 1 {
		t.Errorf("%d answers, of which the first closed the table", answers)
	}
}

// Readers are in nobody's way, not even within a turn.
func TestBerkeleyLetsGo(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	x := s.open("hash", "x", 0)
	for range 2 {
		if a := x.Get("user1@example.com", 0, nil); a != ok("box1") {
			t.Fatal(a)
		}
		s.lock("x")()
		s.cool()
	}
}

// A file that has been as it is for a while is not locked any more. Then a writer
// is noticed by what it writes.
func TestBerkeleyCold(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("btree"))
	x := s.open("btree", "x", 0).(*berkeleyTable)
	s.is(x, "user1@example.com", 0, ok("box1"))
	if x.whole {
		t.Error("whole right after it was written")
	}
	s.cool()
	s.is(x, "user1@example.com", 0, ok("box1"))
	if !x.whole {
		t.Error("not whole, long after it was written")
	}
	unlock := s.lock("x")
	s.is(x, "user1@example.com", 0, ok("box1"))
	s.is(x, "nobody", 0, noKey)
	s.write("x", s.golden("btree-none")) // as postmap begins
	one, none := s.waits(x, "user1@example.com"), s.waits(x, "a")
	s.write("x", s.golden("btree-few"))
	looptest.Advance(s.Loop, time.Second)
	if len(*one)+len(*none) > 0 {
		t.Fatalf("answers while it is being written: %v, %v", *one, *none)
	}
	unlock()
	s.until(func() bool { return len(*one) == 1 && len(*none) == 1 })
	if (*one)[0] != noKey || (*none)[0] != ok("1") {
		t.Errorf("answers %v, %v", *one, *none)
	}
}

// What is written in place is seen at once, be it the other way about the null
// byte, or with another page size.
func TestBerkeleyWrittenInPlace(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	x := s.open("hash", "x", 0)
	s.is(x, "user1@example.com", 0, ok("box1"))
	s.is(x, "a", 0, noKey)
	s.write("x", s.golden("hash-few"))
	s.is(x, "a", 0, ok("1"))
	s.is(x, "user1@example.com", 0, noKey)
	s.write("x", s.golden("hash-512-big"))
	s.is(x, "user1@example.com", 0, ok("box1"))
	s.write("x", s.golden("hash"))
	s.is(x, "user1@example.com", 0, ok("box1"))
	if x.(Changer).Changed() {
		t.Error("Changed is true, though nothing has to be opened anew")
	}
}

func TestBerkeleyChanged(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash"))
	x := s.open("hash", "x", 0)
	s.must(os.Link(s.dir+"/x.db", s.dir+"/backup.db"))
	if x.(Changer).Changed() {
		t.Fatal("changed")
	}
	s.move("x", s.golden("hash-few"))
	if !x.(Changer).Changed() {
		t.Fatal("not changed, with another file in its place")
	}
	s.is(x, "user1@example.com", 0, ok("box1")) // until it is opened anew
	s.is(s.open("hash", "x", 0), "a", 0, ok("1"))
}

// Whoever asked for keys with a null byte and found one keeps to it, but no
// longer than the database is the same.
func TestBerkeleyNulls(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("hash-512-big"))
	x := s.open("hash", "x", 0).(*berkeleyTable)
	s.is(x, "nobody", 0, noKey)
	if x.found != 0 {
		t.Errorf("after a miss: %v", x.found)
	}
	s.is(x, "user1@example.com", 0, ok("box1"))
	if x.found != Try0Null {
		t.Errorf("after a hit without null byte: %v", x.found)
	}
	s.write("x", s.golden("hash"))
	s.is(x, "nobody", 0, noKey)
	if x.found != 0 {
		t.Errorf("after the file was made anew: %v", x.found)
	}
	s.is(x, "user1@example.com", 0, ok("box1"))
	if x.found != Try1Null {
		t.Errorf("after a hit with null byte: %v", x.found)
	}
	if x.Flags() != Fixed|Try0Null|Try1Null {
		t.Errorf("Flags is %v", x.Flags())
	}
}

// A file that turns bad is an error, in words, and no answer. As long as that
// may be because somebody is writing it, it is neither.
func TestBerkeleyDamaged(t *testing.T) {
	for _, test := range []struct {
		what string
		b    func(b []byte) []byte
		log  string
	}{
		{"cut off", func(b []byte) []byte { return b[:4096] }, "page 2: the file ends before it"},
		{"empty", func([]byte) []byte { return nil }, "the file is empty"},
		{"number of a page", func(b []byte) []byte { b[2*4096+8] = 7; b[4096+8] = 7; return b }, "page 2: its number is 7"},
		{"flags", func(b []byte) []byte { b[48] = 1; return b }, "duplicate keys are not supported"},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newBerkeleyStage(t)
			s.write("x", s.golden("hash"))
			x := s.open("hash", "x", 0)
			s.is(x, "user1@example.com", 0, ok("box1"))
			s.write("x", test.b(s.golden("hash")))
			got := s.waits(x, "user1@example.com")
			s.until(func() bool { return len(*got) == 1 })
			if (*got)[0] != retryLater {
				t.Errorf("answer %v", *got)
			}
			s.cool()
			s.is(x, "user1@example.com", 0, retryLater)
			line := "warning: error reading x.db: " + test.log
			s.logged(line, line)
			if _, status := x.(Walker).Next(true, 0, nil); status != Retry {
				t.Errorf("Next: %v", status)
			}
			s.turn()
			s.write("x", s.golden("hash"))
			s.is(x, "user1@example.com", 0, ok("box1"))
		})
	}
}

func TestBerkeleyOpenLock(t *testing.T) {
	s := newBerkeleyStage(t)
	s.write("x", s.golden("btree"))
	first, err := s.Open("btree:"+s.dir+"/x", ReadOnly, OpenLock)
	s.must(err)
	s.is(first, "user1@example.com", 0, ok("box1"))
	s.is(first, "nobody", 0, noKey)
	_, err = s.Open("btree:"+s.dir+"/x", ReadOnly, OpenLock)
	if want := "btree:" + s.dir + "/x: unable to get exclusive lock: Resource temporarily unavailable"; err == nil || err.Error() != want {
		t.Errorf("opened twice: %v; want %s", err, want)
	}
	got := s.waits(s.open("btree", "x", Lock), "user2@example.com")
	first.Close()
	s.until(func() bool { return len(*got) == 1 })
	if (*got)[0] != ok("box2") {
		t.Errorf("answer %v", *got)
	}
}

func TestBerkeleyNext(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		s := newBerkeleyStage(t)
		s.write("x", s.golden(typ))
		x := s.open(typ, "x", 0).(Walker)
		all := make(map[string]string)
		for round := range 2 {
			// The first time, nobody has asked for the first key.
			p, status := x.Next(round > 0, 0, nil)
			for ; status == OK; p, status = x.Next(false, 0, nil) {
				if _, twice := all[p.Key]; twice {
					t.Fatalf("%s: %.40q again", typ, p.Key)
				}
				all[p.Key] = p.Value
			}
			if status != NoKey || len(all) != 43 || all["user40@example.com"] != "box40" {
				t.Errorf("%s: %d pairs, %v", typ, len(all), status)
			}
			if _, status := x.Next(false, 0, nil); status != NoKey {
				t.Errorf("%s: behind the end: %v", typ, status)
			}
			s.turn()
			clear(all)
		}
	}
}

// A look-up allocates the value, and nothing else.
func TestBerkeleyAllocations(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		s := newBerkeleyStage(t)
		s.write("x", s.golden(typ))
		x := s.open(typ, "x", 0)
		for key, want := range map[string]float64{"user1@example.com": 1, "nobody@example.com": 0} {
			n := testing.AllocsPerRun(100, func() {
				x.Get(key, Lock|FoldFix|UTF8Request, nil)
				s.turn()
			})
			if n != want {
				t.Errorf("%s: %v allocations for %s, want %v", typ, n, key, want)
			}
		}
	}
}
