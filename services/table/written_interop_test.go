// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/loop/looptest"
)

// writtenTypes are the types, each with its program.
var writtenTypes = []string{"hash", "btree", "lmdb"}

// writtenWorld is a world with a table to write to.
type writtenWorld struct {
	*netWorld
	tab  Table
	typ  string
	name string // of the table
	path string // of its file
	f    Flags
	real *realPostmap
}

func newWritten(t *testing.T, typ string, f Flags) *writtenWorld {
	t.Helper()
	program := "table-berkeley"
	if typ == "lmdb" {
		program = "table-lmdb"
	}
	w := &writtenWorld{netWorld: newWorkerWorld(t, program), typ: typ, f: f, real: newRealPostmap(t)}
	w.name = w.dir + "/x"
	w.path = w.name + "." + indexSuffix(typ)
	w.Main.Set("lmdb_map_size", "65536") // to be outgrown
	w.tab = w.again(f)
	return w
}

// again opens the table once more.
func (w *writtenWorld) again(f Flags) Table {
	w.t.Helper()
	tab, err := w.Open(w.typ+":"+w.name, ReadWrite, f)
	w.must(err)
	w.t.Cleanup(tab.Close)
	return tab
}

// each has a test for each type.
func each(t *testing.T, f func(t *testing.T, typ string)) {
	for _, typ := range writtenTypes {
		t.Run(typ, func(t *testing.T) { f(t, typ) })
	}
}

// update, remove and lookup do what proxywrite does with a request.
func (w *writtenWorld) update(key, value string) Status {
	w.t.Helper()
	d := &done{}
	d.set(w.tab.(Writer).Put(key, value, FoldFix|DupReplace|SyncUpdate, d.later))
	w.until(func() bool { return d.here })
	return d.Status
}

func (w *writtenWorld) remove(key string) Status {
	w.t.Helper()
	d := w.delete(w.tab, key)
	w.until(func() bool { return d.here })
	return d.Status
}

func (w *writtenWorld) lookup(key string) string {
	w.t.Helper()
	return spell(w.ask(w.tab, key))
}

// saves and has are update and lookup that must succeed.
func (w *writtenWorld) saves(key, value string) {
	w.t.Helper()
	if s := w.update(key, value); s != OK {
		w.t.Fatalf("update %.40q: %s; the log has %s", key, spellStatus(s), w.logged())
	}
}

func (w *writtenWorld) has(key, want string) {
	w.t.Helper()
	if got := w.lookup(key); got != want {
		w.t.Fatalf("%.40q: got %.100s, want %.100s; the log has %s", key, got, want, w.logged())
	}
}

func (w *writtenWorld) next(first bool) (Pair, Status) {
	w.t.Helper()
	var pair Pair
	s, here := Later, false
	pair, s = w.tab.(Walker).Next(first, 0, func(p Pair, got Status) { pair, s, here = p, got, true })
	w.until(func() bool { return here || s != Later })
	return pair, s
}

// walk returns all that there is, and fails for what comes twice.
func (w *writtenWorld) walk() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for p, s := w.next(true); s != NoKey; p, s = w.next(false) {
		if _, twice := all[p.Key]; s != OK || twice {
			w.t.Fatalf("%s, %.40q twice: %v; the log has %s", spellStatus(s), p.Key, twice, w.logged())
		}
		all[p.Key] = p.Value
	}
	return all
}

// sound has the library's own tools look at the file, and the real postmap list it,
// which would wait for those who hold it.
func (w *writtenWorld) sound(want map[string]string) {
	w.t.Helper()
	if w.f&OpenLock != 0 {
		w.tab.Close()
		w.until(func() bool { return w.worker() == 0 })
		defer func() { w.tab = w.again(w.f) }()
	}
	tool := exec.Command("db5.3_verify", w.path)
	if w.typ == "lmdb" { // which makes a file beside that
		text, err := os.ReadFile(w.path)
		w.must(err)
		w.must(os.WriteFile(w.dir+"/copy", text, 0o600))
		tool = exec.Command("mdb_dump", "-n", w.dir+"/copy")
	}
	if text, err := tool.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%.500s", tool.Path, err, text)
	}
	out, stderr, err := w.real.run("", "-s", w.typ+":"+w.name)
	if err != nil {
		w.t.Fatalf("postmap -s: %v\n%s", err, stderr)
	}
	got := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got[key] = value
	}
	if !maps.Equal(got, want) {
		w.t.Fatalf("postmap finds %d entries, want %d", len(got), len(want))
	}
}

// worker is the process of the table, 0 if there is none.
func (w *writtenWorld) worker() int {
	w.t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	w.must(err)
	for _, path := range list {
		text, _ := os.ReadFile(path) // it may be gone
		if args := strings.Split(string(text), "\x00"); len(args) > 1 && strings.HasPrefix(args[0], "table-") && args[1] == w.typ+":"+w.name {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// waits turns the loop, in whose tests time stands still, while real time goes on.
func (w *writtenWorld) waits(cond func() bool) {
	w.t.Helper()
	w.until(func() bool {
		looptest.Advance(w.Loop, shortPause)
		return cond()
	})
}

func TestWrittenNew(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		w.has("a", "no key")
		if s := w.remove("a"); s != NoKey {
			t.Errorf("delete of what is not there: %s", spellStatus(s))
		}
		if _, s := w.next(true); s != NoKey {
			t.Errorf("the first of none: %s", spellStatus(s))
		}
		w.saves("A", "1")
		w.has("a", "=1")
		w.saves("a", "2")
		w.has("A", "=2")
		w.saves("empty", "")
		w.has("empty", "=")
		w.sound(map[string]string{"a": "2", "empty": ""})
		st, err := os.Stat(w.path)
		w.must(err)
		if st.Mode() != 0o600 {
			t.Errorf("the file has mode %v", st.Mode())
		}
		for _, row := range []struct {
			f    Flags
			want Status
			log  string
		}{{DupIgnore, NoKey, ""}, {DupWarn, NoKey, `duplicate entry: "a"`}, {0, OK, ""}} {
			d := &done{}
			d.set(w.tab.(Writer).Put("a", "3", row.f, d.later))
			w.until(func() bool { return d.here })
			if text := w.logged(); d.Status != row.want || !strings.Contains(text, row.log) || row.log == "" && text != "" {
				t.Errorf("%v: %s, %s", row.f, spellStatus(d.Status), text)
			}
		}
		w.has("a", "=3")
		// What is asked at once is answered in order.
		var order []int
		for i := range 20 {
			key := fmt.Sprint("key", i%3)
			if w.tab.(Writer).Put(key, fmt.Sprint(i), 0, func(s Status) {
				if s != OK {
					t.Error(spellStatus(s))
				}
				order = append(order, i)
			}) != Later {
				t.Fatal("answered at once")
			}
			w.tab.Get(key, 0, func(a Answer) {
				if a.Value != fmt.Sprint(i) {
					t.Errorf("%s: %v behind update %d", key, a, i)
				}
			})
		}
		w.until(func() bool { return len(order) == 20 })
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	})
}

// TestWrittenModel does thousands of things at random, some by the real postmap, and
// compares with a map after each of them.
func TestWrittenModel(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		for seed := range uint64(3) {
			w := newWritten(t, typ, []Flags{0, Try1Null, Try0Null}[seed])
			null := []string{"-N", "-N", "-n"}[seed]
			r := rand.New(rand.NewPCG(seed, 7))
			want := map[string]string{}
			key := func() string { return strings.Repeat("k", r.IntN(60)) + fmt.Sprint(r.IntN(300)) }
			for step := range 1200 {
				switch k := key(); r.IntN(12) {
				case 0, 1, 2, 3, 4:
					v := strings.Repeat("v", r.IntN(100)) + fmt.Sprint(step)
					if r.IntN(50) == 0 {
						v = strings.Repeat("long", 100+r.IntN(9000))
					}
					w.saves(k, v)
					want[k] = v
				case 5, 6, 7:
					_, there := want[k]
					if s := w.remove(k); there != (s == OK) || !there && s != NoKey {
						t.Fatalf("delete: %s, it is there: %v", spellStatus(s), there)
					}
					delete(want, k)
				case 8, 9, 10:
					v, there := want[k]
					if there {
						v = "=" + v
					} else {
						v = "no key"
					}
					w.has(k, v)
				case 11:
					switch r.IntN(12) {
					case 0:
						if got := w.walk(); !maps.Equal(got, want) {
							t.Fatalf("step %d: a walk finds %d of %d", step, len(got), len(want))
						}
					case 1:
						if _, stderr, err := w.real.run(k+" by postmap\n", null, "-r", "-i", w.typ+":"+w.name); err != nil {
							t.Fatal(stderr)
						}
						want[k] = "by postmap"
					case 2:
						if _, stderr, err := w.real.run("", null, "-d", k, w.typ+":"+w.name); err != nil && want[k] != "" {
							t.Fatal(stderr)
						}
						delete(want, k)
					}
				}
			}
			w.sound(want)
			if text := w.logged(); text != "" {
				t.Error(text)
			}
		}
	})
}

// TestWrittenWalkDeletes is what a cleaner of caches does: each entry that it is
// told of it deletes, while others come and go, and the worker with them.
func TestWrittenWalkDeletes(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		const n = 600
		w := newWritten(t, typ, 0)
		for i := range n {
			w.saves(fmt.Sprint("key", i), strings.Repeat("v", i%200))
		}
		left := map[string]string{}
		i := 0
		for p, s := w.next(true); s != NoKey; p, s = w.next(false) {
			if s != OK {
				t.Fatal(spellStatus(s), w.logged())
			}
			i++
			if i%3 == 0 || p.Key == "other" {
				left[p.Key] = p.Value
			} else if s := w.remove(p.Key); s != OK {
				t.Fatalf("%s: %s", p.Key, spellStatus(s))
			}
			switch i {
			case 100: // somebody else deletes it
				if _, stderr, err := w.real.run("other 1\n", "-i", typ+":"+w.name); err != nil {
					t.Fatal(stderr)
				}
			case 300:
				pid := w.worker()
				w.must(unix.Kill(pid, unix.SIGKILL))
				w.waits(func() bool { return w.worker() != pid })
				w.log = nil
			}
			w.has("other", map[bool]string{true: "=1", false: "no key"}[i >= 100])
		}
		all := w.walk()
		t.Logf("%d seen of %d, %d left", i, n, len(all))
		if typ != "hash" && (i < n || i > n+1) || i < 300 || i > n+1 {
			t.Errorf("%d seen of %d", i, n)
		}
		for key, value := range left {
			if all[key] != value {
				t.Errorf("%s is not there any more", key)
			}
		}
		w.sound(all)
		if p, s := w.next(false); (s == OK) != (typ == "lmdb") {
			t.Errorf("behind the end: %v, %s", p, spellStatus(s))
		}
	})
}

// TestWrittenKeys: keys and values of all sizes.
func TestWrittenKeys(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		want := map[string]string{}
		for _, n := range []int{0, 1, 255, 510, 511, 5000} {
			key := strings.Repeat("k", n)
			value := strings.Repeat("v", 20*n)
			if typ == "lmdb" && n > 510 {
				w.log = nil
				if s := w.update(key, value); s != NoKey || !strings.Contains(w.logged(), "not stored") {
					t.Errorf("a key of %d bytes: %s", n, spellStatus(s))
				}
				w.has(key, "no key")
				if s := w.remove(key); s != NoKey {
					t.Errorf("a key of %d bytes: %s", n, spellStatus(s))
				}
				continue
			}
			w.saves(key, value)
			w.has(key, "="+value)
			want[key] = value
		}
		if got := w.walk(); !maps.Equal(got, want) {
			t.Errorf("a walk finds %d of %d", len(got), len(want))
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
		w.sound(want)
	})
}

// TestWrittenLocked: while somebody else has the file locked there are no answers
// but "not now", after a while; then it is as before.
func TestWrittenLocked(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		w.Limits = func(string) Limits { return Limits{Connections: 4, Queue: 100, Deadline: 2 * time.Second} }
		w.tab.Close()
		w.tab = w.again(0)
		w.saves("a", "1")
		f, err := os.OpenFile(w.path, os.O_RDWR, 0)
		w.must(err)
		if typ == "lmdb" {
			w.must(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
		} else {
			w.must(unix.Flock(int(f.Fd()), unix.LOCK_EX))
		}
		began := time.Now()
		if s := w.update("a", "2"); s != Retry || time.Since(began) < time.Second {
			t.Errorf("%s after %v", spellStatus(s), time.Since(began))
		}
		if text := w.logged(); !strings.Contains(text, "lock dictionary: waited ") {
			t.Errorf("the log has %s", text)
		}
		r := w.get(w.tab, "a")
		w.must(f.Close())
		w.until(func() bool { return r.here })
		if got := spell(r.Answer); got != "=1" {
			t.Errorf("got %s", got)
		}
		w.saves("a", "2")
		w.sound(map[string]string{"a": "2"})
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	})
}

// TestWrittenHeld: open_lock is for as long as the table is open.
func TestWrittenHeld(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		t.Run(typ, func(t *testing.T) {
			w := newWritten(t, typ, OpenLock)
			w.saves("a", "1")
			f, err := os.OpenFile(w.path, os.O_RDWR, 0)
			w.must(err)
			defer func() { _ = f.Close() }()
			if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != unix.EWOULDBLOCK {
				t.Errorf("it is not locked: %v", err)
			}
			looptest.Advance(w.Loop, time.Hour)
			if w.worker() == 0 {
				t.Error("the worker is gone")
			}
			pid := w.worker()
			w.tab.Close()
			w.must(unix.Flock(int(f.Fd()), unix.LOCK_EX)) // waits
			w.waits(func() bool { return w.worker() != pid })
			w.tab = w.again(OpenLock)
			want := fmt.Sprintf("%s:%s: unable to get exclusive lock: Resource temporarily unavailable", typ, w.name)
			w.until(func() bool { return len(w.log) > 0 })
			if got := w.logged(); got != "error: "+want {
				t.Errorf("the log has %s", got)
			}
			w.has("a", "retry")
			if got := w.logged(); got != fmt.Sprintf("warning: %s:%s is unavailable. %s", typ, w.name, want) {
				t.Errorf("the log has %s", got)
			}
			w.must(unix.Flock(int(f.Fd()), unix.LOCK_UN))
			w.has("a", "=1")
			w.saves("a", "2")
			w.sound(map[string]string{"a": "2"})
		})
	}
}

// TestWrittenReplaced: a file that is replaced, cut off or removed is not written
// into blindly.
func TestWrittenReplaced(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		for _, f := range []Flags{0, OpenLock} {
			w := newWritten(t, typ, f)
			w.saves("a", "1")
			w.real.make(typ, w.dir+"/y", "b 2\n")
			w.must(os.Rename(w.dir+"/y."+indexSuffix(typ), w.path))
			w.has("a", "no key")
			w.has("b", "=2")
			w.saves("c", "3")
			w.sound(map[string]string{"b": "2", "c": "3"})
			w.must(os.Remove(w.path))
			w.has("b", "no key")
			w.saves("d", "4")
			w.sound(map[string]string{"d": "4"})
			if text := w.logged(); text != "" {
				t.Error(text)
			}
			w.must(os.Truncate(w.path, 0))
			text := w.lookup("d")
			if want := map[bool]string{true: "no key", false: "retry"}[typ == "lmdb"]; text != want {
				t.Errorf("of a file that was emptied: %s, want %s", text, want)
			}
			w.log = nil
			w.must(os.Remove(w.path))
			w.saves("e", "5")
			w.sound(map[string]string{"e": "5"})
		}
	})
}

// TestWrittenRewritten: the real postmap makes the whole table anew while we write.
func TestWrittenRewritten(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		for round := range 12 {
			var source strings.Builder
			want := map[string]string{}
			for i := range 50 + 200*(round%3) {
				key, value := fmt.Sprint("key", i), fmt.Sprintf("round %d", round)
				fmt.Fprintf(&source, "%s %s\n", key, value)
				want[key] = value
			}
			w.real.make(typ, w.name, source.String(), []string{"-N", "-n"}[round%2])
			w.has("key7", fmt.Sprint("=round ", round))
			w.saves("key7", "ours")
			w.saves("mine", "too")
			w.has("key7", "=ours")
			want["key7"], want["mine"] = "ours", "too"
			w.sound(want)
		}
		if text := w.logged(); text != "" {
			t.Error(text)
		}
	})
}

// smallDisk has the table on a file system of two megabytes.
func (w *writtenWorld) smallDisk() string {
	w.t.Helper()
	disk := w.dir + "/disk"
	w.must(os.Mkdir(disk, 0o755))
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		w.t.Fatalf("mount, which takes root: %v", err)
	}
	w.t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	w.name = disk + "/x"
	w.path = w.name + "." + indexSuffix(w.typ)
	return disk
}

// TestWrittenFullDisk: there is no room; nothing ends, what is there stays, and when
// there is room again it goes on.
func TestWrittenFullDisk(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		w.tab.Close()
		disk := w.smallDisk()
		w.tab = w.again(0)
		defer w.tab.Close() // before its disk goes
		want := map[string]string{}
		pad := disk + "/pad"
		full := 0
		for i := 0; full < 400; i++ {
			key, value := fmt.Sprint("key", i%1000), strings.Repeat("v", i%3000)+fmt.Sprint(i)
			switch s := w.update(key, value); s {
			case OK:
				want[key] = value
			case Retry:
				if full == 0 {
					w.sound(want)
				}
				full++
				if text := w.logged(); !strings.Contains(text, "No space left on device") && (typ != "lmdb" || !strings.Contains(text, "Input/output error")) {
					t.Fatalf("the log has %s", text)
				}
				if v, there := want[key]; there {
					w.has(key, "="+v)
				} else {
					w.has(key, "no key")
				}
			case NoKey, Config, Later:
				t.Fatal(spellStatus(s))
			}
			if i == 300 { // less room
				w.must(os.WriteFile(pad, bytes.Repeat([]byte("x"), 512<<10), 0o600))
			}
		}
		w.sound(want)
		w.must(os.Remove(pad))
		w.saves("after", "all")
		want["after"] = "all"
		for i := range 40 {
			key := fmt.Sprint("new", i)
			w.saves(key, key)
			want[key] = key
		}
		w.sound(want)
		if got := w.walk(); !maps.Equal(got, want) {
			t.Error("a walk finds something else")
		}
		if n := len(w.log); n > 0 {
			t.Error(w.log)
		}
	})
}

// TestWrittenFullAtFirst: there is no room for the file itself.
func TestWrittenFullAtFirst(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		w.tab.Close()
		disk := w.smallDisk()
		pad := disk + "/pad"
		f, err := os.Create(pad)
		w.must(err)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		w.must(f.Close())
		w.tab = w.again(0)
		defer w.tab.Close() // before its disk goes
		w.has("a", "retry")
		if s := w.update("a", "1"); s != Retry {
			t.Error(spellStatus(s))
		}
		if text := w.logged(); !strings.Contains(text, "No space left on device") {
			t.Errorf("the log has %s", text)
		}
		w.must(os.Remove(pad))
		w.saves("a", "1")
		w.sound(map[string]string{"a": "1"})
	})
}

// TestWrittenUnsaved: what cannot be written although there was room for it is kept,
// and nobody sees a half of it; when it can be written it is.
func TestWrittenUnsaved(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		t.Run(typ, func(t *testing.T) {
			w := newWritten(t, typ, 0)
			w.saves("a", "1")
			st, err := os.Stat(w.path)
			w.must(err)
			pid := w.worker()
			w.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(st.Size()), Max: unix.RLIM_INFINITY}, nil))
			long := strings.Repeat("long", 900) // a page of its own, for which there was room
			for range 3 {
				if s := w.update("b", long); s != Retry || !strings.Contains(w.logged(), "error writing "+typ+":"+w.path+": File too large") {
					t.Fatal(spellStatus(s))
				}
				w.has("a", "retry")
			}
			f, err := os.Open(w.path)
			w.must(err)
			defer func() { _ = f.Close() }()
			if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != unix.EWOULDBLOCK {
				t.Errorf("others may read it: %v", err)
			}
			w.log = nil
			w.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil))
			w.has("a", "=1")
			w.has("b", "="+long)
			w.saves("c", "3")
			if w.worker() != pid {
				t.Error("it is another process")
			}
			w.sound(map[string]string{"a": "1", "b": long, "c": "3"})
			if text := w.logged(); text != "" {
				t.Error(text)
			}
		})
	}
}

// TestWrittenEnds: signals that are for all do not end a worker, the end of its table
// does; and one that is stuck is waited for, and no other is started.
func TestWrittenEnds(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, 0)
		w.saves("a", "1")
		pid := w.worker()
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
			w.must(unix.Kill(pid, sig))
		}
		w.saves("a", "2")
		if w.worker() != pid {
			t.Fatal("it is another process")
		}
		w.must(unix.Kill(pid, unix.SIGSTOP))
		d := w.put(w.tab, "a", "3")
		w.must(w.Loop.Turn(0)) // it is told
		looptest.Advance(w.Loop, DefaultLimits.Deadline+workerGrace)
		if !d.here || d.Status != Retry {
			t.Fatalf("%+v", d)
		}
		d = w.put(w.tab, "b", "4")
		looptest.Advance(w.Loop, DefaultLimits.Deadline)
		if w.Loop.Children() != 1 {
			t.Fatal("there is another worker")
		}
		w.must(unix.Kill(pid, unix.SIGCONT)) // does what it was told, and ends
		w.until(func() bool { return d.here })
		if d.Status != OK || w.worker() == pid {
			t.Fatalf("%+v", d)
		}
		w.has("a", "=3")
		w.sound(map[string]string{"a": "3", "b": "4"})
		// One that does not come back is killed at last.
		pid = w.worker()
		w.must(unix.Kill(pid, unix.SIGSTOP))
		w.log = nil
		w.get(w.tab, "a")
		looptest.Advance(w.Loop, DefaultLimits.Deadline+workerGrace+writerEnds.busy-time.Second)
		if w.worker() != pid {
			t.Fatal("killed early")
		}
		looptest.Advance(w.Loop, time.Second)
		w.until(func() bool { return w.Loop.Children() == 0 })
		w.has("a", "=3")
		// Without work it goes.
		looptest.Advance(w.Loop, workerIdle)
		w.until(func() bool { return w.Loop.Children() == 0 })
		w.has("b", "=4")
	})
}

// TestWrittenKilled: each time that the worker is killed there is another, and what
// was said to be done is done.
func TestWrittenKilled(t *testing.T) {
	each(t, func(t *testing.T, typ string) {
		w := newWritten(t, typ, OpenLock)
		want := map[string]string{}
		for round := range 15 {
			for i := range 20 {
				key, value := fmt.Sprint("key", (round*7+i)%60), fmt.Sprintf("%d in %d", i, round)
				w.saves(key, value)
				want[key] = value
			}
			pid := w.worker()
			w.must(unix.Kill(pid, unix.SIGKILL)) // between two requests: no library is safe within
			w.waits(func() bool { return w.worker() != pid })
			w.log = nil
		}
		if got := w.walk(); !maps.Equal(got, want) {
			t.Errorf("%d of %d", len(got), len(want))
		}
		w.sound(want)
	})
}

// TestWrittenOpenErrors: what cannot be opened is said as Postfix says it.
func TestWrittenOpenErrors(t *testing.T) {
	w := newWritten(t, "hash", 0)
	w.tab.Close()
	w.real.make("btree", w.dir+"/btree", "a 1\n")
	w.must(os.WriteFile(w.dir+"/text.db", bytes.Repeat([]byte("x"), 9000), 0o600))
	w.must(os.Mkdir(w.dir+"/dir.db", 0o700))
	for _, row := range []struct{ name, want string }{
		{"none/x", "No such file or directory"}, {"btree", "Invalid argument"}, {"text", "Invalid argument"}, {"dir", "Is a directory"},
	} {
		w.log = nil
		w.name = w.dir + "/" + row.name
		tab := w.again(0)
		w.until(func() bool {
			return slices.ContainsFunc(w.log, func(s string) bool { return strings.HasPrefix(s, "error: ") })
		})
		text := fmt.Sprintf("open database %s.db: %s", w.name, row.want)
		if !slices.Contains(w.log, "error: "+text) {
			t.Errorf("%s: the log has %s", row.name, w.logged())
		}
		w.log = nil
		if got := spell(w.ask(tab, "a")); got != "retry" {
			t.Errorf("%s: %s", row.name, got)
		}
		if got := w.logged(); !strings.HasSuffix(got, fmt.Sprintf("warning: hash:%s is unavailable. %s", w.name, text)) {
			t.Errorf("%s: the log has %s", row.name, got)
		}
		tab.Close()
	}
}

// TestWrittenLeftover: a library that was ended while it made a file leaves one of
// another name, which is in nobody's way.
func TestWrittenLeftover(t *testing.T) {
	w := newWritten(t, "btree", 0)
	w.tab.Close()
	w.until(func() bool { return w.worker() == 0 })
	w.must(os.RemoveAll(w.path))
	w.log = nil
	left := w.dir + "/__db.x.db"
	w.must(os.WriteFile(left, []byte("half a file"), 0o600))
	w.tab = w.again(0)
	w.has("a", "retry") // it may be that of somebody who is making it now
	if text := w.logged(); !strings.Contains(text, "open database "+w.path+": File exists") {
		t.Errorf("the log has %s", text)
	}
	then := time.Now().Add(-time.Minute)
	w.must(os.Chtimes(left, then, then))
	w.saves("a", "1")
	if text := w.logged(); !strings.Contains(text, "removing "+left) {
		t.Errorf("the log has %s", text)
	}
	w.sound(map[string]string{"a": "1"})
}

// TestWrittenLibrary: a library that is missing, or is another version, is named.
func TestWrittenLibrary(t *testing.T) {
	w := newWritten(t, "hash", 0)
	w.saves("a", "1")
	w.tab.Close()
	w.until(func() bool { return w.worker() == 0 })
	var source strings.Builder
	source.WriteString("char *db_version(int *a, int *b, int *c) { *a = 5, *b = 1, *c = 29; return \"\"; }\n")
	for _, name := range []string{
		"db_env_create", "__memp_set_cachesize", "__env_set_errcall", "__env_open_pp", "__env_close_pp", "db_create", "__db_open_pp", "__db_close_pp",
		"__db_sync_pp", "__db_put_pp", "__db_get_pp", "__db_del_pp", "__db_cursor_pp", "__dbc_get_pp", "__dbc_close_pp", "db_strerror",
	} {
		fmt.Fprintf(&source, "void %s(void) {}\n", name)
	}
	w.must(os.WriteFile(w.dir+"/old.c", []byte(source.String()), 0o600))
	if text, err := exec.Command("cc", "-shared", "-fPIC", "-o", w.dir+"/libdb-5.3.so", w.dir+"/old.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, text)
	}
	t.Setenv("LD_LIBRARY_PATH", w.dir)
	for _, want := range []string{
		"incorrect version of Berkeley DB: made for 5.3, run-time linked against 5.1.29",
		"the library libdb-5.3.so is missing, which is in the package libdb5.3: ",
	} {
		w.log = nil
		w.tab = w.again(0)
		w.has("a", "retry")
		if text := w.logged(); !strings.Contains(text, "warning: table hash:"+w.name+": table-berkeley: "+want) {
			t.Errorf("the log has %s", text)
		}
		w.tab.Close()
		w.must(os.WriteFile(w.dir+"/libdb-5.3.so", []byte("no library"), 0o600))
	}
	t.Setenv("LD_LIBRARY_PATH", "")
	w.tab = w.again(0)
	w.has("a", "=1")
}
