// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// newRealIndexStage is newIndexStage where time goes on.
func newRealIndexStage(t testing.TB) *indexStage { return onIndexStage(t, looptest.NewReal) }

// postmapFlags are those of the requests of postmap -q.
const postmapFlags = FoldFix | Lock | UTF8Request | DupWarn

// realPostmap is the real postmap(1), with a main.cf of its own.
type realPostmap struct {
	t      *testing.T
	config string
}

func newRealPostmap(t *testing.T, mainCf ...string) *realPostmap {
	t.Helper()
	p := &realPostmap{t, t.TempDir()}
	text := "compatibility_level = 3.6\n" + strings.Join(mainCf, "\n") + "\n"
	if err := os.WriteFile(p.config+"/main.cf", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *realPostmap) command(args ...string) *exec.Cmd {
	cmd := exec.Command("postmap", append([]string{"-c", p.config}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return cmd
}

// run runs postmap, and returns what it prints and complains of.
func (p *realPostmap) run(stdin string, args ...string) (stdout, stderr string, err error) {
	p.t.Helper()
	cmd := p.command(args...)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaints
	if err = cmd.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			p.t.Fatal(err)
		}
	}
	return out.String(), complaints.String(), err
}

// make makes a table from the text of a source file.
func (p *realPostmap) make(typ, name, text string, options ...string) {
	p.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if _, stderr, err := p.run("", append(options, typ+":"+name)...); err != nil {
		p.t.Fatalf("postmap %s:%s: %v\n%s", typ, name, err, stderr)
	}
}

// interopRows are the rows of a source file, and keys, some of which it does
// not have. The longest key is as long as LMDB lets it be.
func interopRows() (source string, rows []Pair, keys []string) {
	var b strings.Builder
	row := func(key, value string) {
		fmt.Fprintf(&b, "%s %s\n", key, value)
		rows = append(rows, Pair{key, value})
		keys = append(keys, key)
	}
	for i := range 200 {
		row(fmt.Sprintf("User%d@Example%d.com", i, i%7), fmt.Sprintf("value %d", i))
		keys = append(keys, fmt.Sprintf("nobody%d@example.com", i))
	}
	for n := 1; n <= 490; n += 13 {
		row(fmt.Sprintf("%s%d", strings.Repeat("long", n)[:n], n), strings.Repeat("v", 1+n*n/10))
	}
	row(strings.Repeat("K", 510), "the longest of all")
	row("huge", strings.Repeat("huge ", 30000)+".")
	for i, key := range []string{
		"Straße@example.com", "STRASSE2@example.com", "ÅNGSTRÖM@example.com", "ΣΊΣΥΦΟΣ@example.com", "İstanbul", "Ǆ", "ﬃ", "用户@例子.中国", "ẞ",
		"e\u0301", "\U0001F4EC", `"quoted local part"@example.com`, `back\slash`, "a,b", "<>", "!@%&", "@example.com", ".example.com", "\x01\x7f",
	} {
		row(key, fmt.Sprintf("strange \"%d\" \\ ü\t.", i))
	}
	keys = append(keys, "", " ", "STRASSE@example.com", "straße2@example.com", "user1@example1.com ", " user1@example1.com", "\xff", "a\xc3",
		"USER1@EXAMPLE1.COM", "user1", "example1.com", "\x01", "x\ty", "i̇STANBUL")
	for n := 500; n < 520; n++ {
		keys = append(keys, strings.Repeat("k", n))
	}
	keys = append(keys, strings.Repeat("k", 5000))
	for _, key := range keys[:100] {
		keys = append(keys, strings.ToUpper(key), key[:len(key)-1], key+"x")
	}
	return b.String(), rows, keys
}

// compareIndex makes a table of that type in several ways, and compares our
// answers with the real ones.
func compareIndex(t *testing.T, typ string) {
	source, _, keys := interopRows()
	if len(keys) < 600 {
		t.Fatalf("only %d keys", len(keys))
	}
	if typ == "lmdb" { // which has no empty key; Postfix dies of it
		keys = slices.DeleteFunc(keys, func(key string) bool { return key == "" })
	}
	for _, test := range []struct {
		options []string
		f       Flags // of postmap -q with these options
		utf8    bool
	}{
		{nil, postmapFlags, true},
		{[]string{"-N"}, postmapFlags, true},
		{[]string{"-n"}, postmapFlags, true},
		{[]string{"-f"}, postmapFlags &^ FoldFix, true},
		{nil, postmapFlags &^ UTF8Request, false},
	} {
		t.Run(fmt.Sprint(test.options, test.utf8), func(t *testing.T) {
			s := newIndexStage(t)
			p := newRealPostmap(t, "smtputf8_enable = "+map[bool]string{true: "yes", false: "no"}[test.utf8])
			name := s.dir + "/" + typ
			p.make(typ, name, source, test.options...)
			fold := slices.DeleteFunc(slices.Clone(test.options), func(o string) bool { return o != "-f" })

			for _, nulls := range []struct {
				options []string
				open    Flags
			}{{nil, 0}, {[]string{"-n"}, Try0Null}, {[]string{"-N"}, Try1Null}} {
				args := slices.Concat(fold, nulls.options, []string{"-q", "-", typ + ":" + name})
				x := s.open(t, typ+":"+name, nulls.open)
				var ours strings.Builder
				found := 0
				for _, key := range keys {
					a := x.Get(key, test.f, unexpected(t))
					if a.Status == OK {
						fmt.Fprintf(&ours, "%s\t%s\n", key, a.Value)
						found++
					}
				}
				real, stderr, err := p.run(strings.Join(keys, "\n")+"\n", args...)
				if strings.Contains(stderr, "fatal") || (err == nil) != (found > 0) {
					t.Fatalf("postmap %s: %v\n%s", args, err, stderr)
				}
				sameLines(t, ours.String(), real)
				t.Logf("%s: %d of %d keys found", args, found, len(keys))
			}
			if test.options == nil {
				oneByOne(t, p, s.open(t, typ+":"+name, 0), typ+":"+name, keys, test.f)
			}
		})
	}
}

// oneByOne asks for each key in a process of its own.
func oneByOne(t *testing.T, p *realPostmap, x Table, ref string, keys []string, f Flags) {
	for _, key := range keys[len(keys)-320:] {
		if strings.HasPrefix(key, "-") || key == "" {
			continue // is an option, or none at all
		}
		real, stderr, err := p.run("", "-q", key, ref)
		if strings.Contains(stderr, "fatal") {
			t.Fatalf("postmap -q %q: %s", key, stderr)
		}
		a := x.Get(key, f, unexpected(t))
		if (err == nil) != (a.Status == OK) || strings.TrimSuffix(real, "\n") != a.Value {
			t.Errorf("%.50q: ours is %.50v, the real one %.50q, %v", key, a, real, err)
		}
	}
}

func sameLines(t *testing.T, ours, real string) {
	t.Helper()
	a, b := strings.Split(ours, "\n"), strings.Split(real, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("answer %d: ours is %.100q, the real one %.100q", i, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d answers, the real one has %d", len(a)-1, len(b)-1)
	}
}

// notUTF8 compares what becomes of a value that is no UTF-8.
func notUTF8(t *testing.T, typ string) {
	s := newIndexStage(t)
	name := s.dir + "/x"
	newRealPostmap(t, "smtputf8_enable = no").make(typ, name, "key \xff\n")
	_, stderr, err := newRealPostmap(t, "smtputf8_enable = yes").run("", "-q", "key", typ+":"+name)
	if err == nil {
		t.Error("the real one finds it")
	}
	if a := s.open(t, typ+":"+name, 0).Get("key", postmapFlags, unexpected(t)); a.Status != Config {
		t.Errorf("got %v", a)
	}
	if log := s.logged(); !strings.Contains(strings.ReplaceAll(stderr, s.dir, "DIR"), log) || log == "" {
		t.Errorf("ours: %s\nreal: %s", log, stderr)
	}
}

// startPostmap starts one. What it returns reports whether it has ended.
func startPostmap(t *testing.T, cmd *exec.Cmd) (ended func() bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	return func() bool {
		select {
		case err := <-end:
			if err != nil {
				t.Fatal(err)
			}
			return true
		default:
			return false
		}
	}
}

// ask waits for the answer. late counts those that came in a later turn.
func (s *indexStage) ask(t *testing.T, x Table, key string, late *int) Answer {
	t.Helper()
	var answer Answer
	answered := false
	if a := x.Get(key, postmapFlags, func(a Answer) { answer, answered = a, true }); a.Status != Later {
		return a
	}
	*late++
	looptest.Until(t, s.Loop, func() bool { return answered })
	return answer
}

// rewritten asks while the real postmap makes the table anew, time and again. An
// answer is that of the table before or after.
func rewritten(t *testing.T, typ string) {
	const keys, rounds = 1500, 20
	text := func(round int) string {
		var b strings.Builder
		for i := range keys {
			fmt.Fprintf(&b, "key%d round %d %s\n", i, round, strings.Repeat("v", (i*7+round)%200))
		}
		return b.String()
	}
	s := newRealIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	p.make(typ, name, text(0))
	x, err := s.Open(typ+":"+name, ReadOnly, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { x.Close() }()

	asked, late, reopened := 0, 0, 0
	for round := 1; round <= rounds; round++ {
		if err := os.WriteFile(name, []byte(text(round)), 0o600); err != nil {
			t.Fatal(err)
		}
		ended := startPostmap(t, p.command(typ+":"+name))
		seen := round - 1
		for over := false; !over; {
			over = ended() // and once more
			if x.(Changer).Changed() {
				again, err := s.Open(typ+":"+name, ReadOnly, 0)
				if err != nil {
					t.Fatal(err)
				}
				x.Close()
				x = again
				reopened++
			}
			for range 50 {
				i := asked * 7919 % keys
				asked++
				a := s.ask(t, x, fmt.Sprint("key", i), &late)
				var at int
				var rest string
				if _, err := fmt.Sscanf(a.Value, "round %d %s", &at, &rest); a.Status != OK || err != nil && strings.Count(a.Value, " ") != 1 {
					t.Fatalf("key%d: got %.60v, %v", i, a, err)
				}
				if at < seen || at > round || len(rest) != (i*7+at)%200 {
					t.Fatalf("key%d: got %.60v after round %d, in round %d", i, a, seen, round)
				}
				seen = at
			}
		}
		if seen != round {
			t.Fatalf("round %d is over, and the table is that of round %d", round, seen)
		}
	}
	t.Logf("%d answers, %d of them late, %d times opened anew", asked, late, reopened)
}
