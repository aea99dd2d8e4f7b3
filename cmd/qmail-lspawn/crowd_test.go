// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postloop/services/lspawn"
	"postloop/services/lspawn/lspawntest"
)

// crowd is how many deliveries IndiMail makes at once at most.
const crowd = 500

// sendings are the ways in which commands come.
var sendings = map[string]func(s *lspawntest.Spawner, b []byte){
	"in one write": func(s *lspawntest.Spawner, b []byte) { s.Send(b) },
	"byte by byte": func(s *lspawntest.Spawner, b []byte) {
		for i := range b {
			s.Send(b[i : i+1])
		}
	},
	"cut anywhere": func(s *lspawntest.Spawner, b []byte) {
		for len(b) > 0 {
			n := min(1+rand.IntN(100), len(b))
			s.Send(b[:n])
			b = b[n:]
		}
	},
}

// TestCrowd: as many deliveries as there can be, of which some are killed while
// they run. Every one is reported once, and nothing is left.
func TestCrowd(t *testing.T) {
	for name, send := range sendings {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, `echo $$; read x <DIR/out/gate; echo done; case $6 in *7) exit 111;; esac`)
			gate := fifo(t, r, "gate")
			s := start(t, r, lspawntest.Options{})
			var all []byte
			for i := range crowd {
				all = append(all, to(i, fmt.Sprintf("joe-%d@h", i)).Encode("indimail")...)
			}
			send(s, all)
			lspawntest.Until(t, "all deliveries", func() bool { return len(lspawntest.Children(t, s.Pid)) == crowd })
			s.Command(to(7, "joe@h"))
			if got := s.Report(); got.Text != "ZInternal error: delnum in use. (#4.3.5)\n" {
				t.Errorf("%+v", got)
			}
			killed := lspawntest.Children(t, s.Pid)[:50]
			for _, pid := range killed {
				must(t, syscall.Kill(pid, syscall.SIGKILL))
			}
			crashed := 0
			for range killed {
				if got := s.Report(); got.Text == "Zqmail-local crashed.\n" {
					crashed++
				}
			}
			if crashed != len(killed) {
				t.Errorf("%d of %d crashes are reported", crashed, len(killed))
			}
			_, err := gate.WriteString(strings.Repeat("\n", crowd))
			must(t, err)
			s.CloseInput()
			reports := s.Rest()
			s.Exits(0)
			seen := map[int]bool{}
			for _, one := range reports {
				letter := "K"
				if one.Number%10 == 7 {
					letter = "Z"
				}
				if seen[one.Number] || !strings.HasPrefix(one.Text, letter) || !strings.HasSuffix(one.Text, "\ndone\n") {
					t.Errorf("%+v, seen %v", one, seen[one.Number])
				}
				seen[one.Number] = true
			}
			if len(reports) != crowd-len(killed) {
				t.Errorf("%d reports, want %d", len(reports), crowd-len(killed))
			}
		})
	}
}

// TestNothingIsLeft: after a crowd the process has what it had before.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, `case $6 in kill) kill -9 $$;; big) head -c 300000 /dev/zero;; esac`)
	s := start(t, r, lspawntest.Options{})
	kinds := []lspawntest.Command{
		to(0, "joe-kill@h"), to(0, "joe-big@h"), to(0, "joe-x@h"), to(0, "nobody@h"), to(0, "@h"), to(0, "none"),
		{Messid: "7/404", Recipient: "joe@h"},
		{Messid: "7", Recipient: "joe@h"},
	}
	round := func() {
		n := 0
		for i := range 80 {
			c := kinds[i%len(kinds)]
			c.Number = i
			s.Command(c)
			n++
		}
		for range n {
			s.Report()
		}
		lspawntest.Until(t, "no child", func() bool { return len(lspawntest.Children(t, s.Pid)) == 0 })
	}
	round()
	before := descriptors(t, s.Pid)
	for range 4 {
		round()
	}
	if after := descriptors(t, s.Pid); !reflect.DeepEqual(kindsOf(before), kindsOf(after)) {
		t.Errorf("descriptors before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	s.CloseInput()
	s.Exits(0)
}

// kindsOf leaves out the numbers.
func kindsOf(list []string) (kinds []string) {
	for _, one := range list {
		_, name, _ := strings.Cut(one, " ")
		kinds = append(kinds, name)
	}
	slices.Sort(kinds)
	return kinds
}

// TestGarbage: whatever comes, each command in it is answered once, and the end
// is an end.
func TestGarbage(t *testing.T) {
	t.Parallel()
	kinds := map[string]lspawn.Protocol{"classic": lspawn.Classic, "big": lspawn.Big, "indimail": lspawn.IndiMail}
	words := []string{"\x00", "7/1", "joe@h", "s@b", "@", "\x01", "\xff", "joe-x@h", "../../etc/passwd", strings.Repeat("y", 500), "7/9", "A: b\n"}
	for seed := range uint64(6) {
		r := newRig(t, "")
		protocol := protocols[seed%3]
		s := start(t, r, lspawntest.Options{Protocol: protocol})
		random := rand.New(rand.NewPCG(seed, 5))
		want := map[int]int{} // how many commands have a number
		scanner := lspawn.NewScanner(kinds[protocol])
		for range 4000 {
			b := []byte(words[random.IntN(len(words))])
			if random.IntN(3) == 0 {
				b = append(b, 0)
			}
			s.Send(b)
			for len(b) > 0 {
				c, used, ok := scanner.Scan(b)
				if b = b[used:]; ok {
					n := int(c.Number[0])
					if len(c.Number) == 2 {
						n |= int(c.Number[1]) << 8
					}
					want[n]++
				}
			}
		}
		s.CloseInput()
		got := map[int]int{}
		for _, one := range s.Rest() {
			if !strings.ContainsAny(one.Text[:1], "KZD") {
				t.Errorf("%+v", one)
			}
			got[one.Number]++
		}
		if len(want) < 3 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: reports by number: %v, commands: %v", protocol, got, want)
		}
		s.Exits(0)
	}
}

// TestFullPipes: children that say much while nobody reads reports.
func TestFullPipes(t *testing.T) {
	t.Parallel()
	r := newRig(t, `head -c 200000 /dev/zero | tr '\0' x; exit 100`)
	s := start(t, r, lspawntest.Options{Protocol: "big"})
	const n = 150 // whose reports are several times what a pipe holds
	for i := range n {
		s.Command(to(i, "joe@h"))
	}
	lspawntest.Until(t, "no child", func() bool { return len(lspawntest.Children(t, s.Pid)) == 0 })
	s.CloseInput()
	seen := map[int]bool{}
	for _, one := range s.Rest() {
		if seen[one.Number] || len(one.Text) != 1+2997 || one.Text[0] != 'D' {
			t.Errorf("report %d of %d bytes, seen %v", one.Number, len(one.Text), seen[one.Number])
		}
		seen[one.Number] = true
	}
	if len(seen) != n {
		t.Errorf("%d reports, want %d", len(seen), n)
	}
	s.Exits(0)
}

// TestFewDescriptors: what cannot be had for want of descriptors is deferred,
// and had the next time.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	r := newRig(t, `case $6 in wait) read x <DIR/out/gate;; esac; echo done`)
	gate := fifo(t, r, "gate")
	exe, err := os.Executable()
	must(t, err)
	must(t, os.Mkdir(r.Dir+"/link", 0o755))
	must(t, os.Symlink(exe, r.Dir+"/link/qmail-lspawn"))
	s := start(t, r, lspawntest.Options{Path: r.Script("few", `ulimit -n 60; exec DIR/link/qmail-lspawn "$@"`)})
	const n = 100
	for i := range n {
		s.Command(to(i, "joe-wait@h"))
	}
	deferred := 0
	lspawntest.Until(t, "the last command", func() bool {
		got := s.Report()
		if !strings.HasPrefix(got.Text, "Zqmail-spawn unable to ") {
			t.Errorf("%+v", got)
		}
		deferred++
		return got.Number == n-1
	})
	_, err = gate.WriteString(strings.Repeat("\n", n))
	must(t, err)
	for range n - deferred {
		if got := s.Report(); got.Text != "Kdone\n" {
			t.Errorf("%+v", got)
		}
	}
	s.Command(to(1, "joe@h"))
	if got := s.Report(); got.Text != "Kdone\n" {
		t.Errorf("%+v", got)
	}
	s.CloseInput()
	s.Exits(0)
}

// TestLeftBehind: who holds the output does not hold the number for ever.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	r := newRig(t, `exec 3<DIR/out/gate; cat <&3 & echo $!; exit 0`)
	gate := fifo(t, r, "gate")
	s := start(t, r, lspawntest.Options{Env: []string{"QMAIL_LSPAWN_HELD_TIME=1s"}})
	s.Command(to(1, "joe@h"))
	got := s.Report()
	pid := number(t, strings.Trim(got.Text, "K\n"))
	if syscall.Kill(pid, 0) != nil {
		t.Errorf("%d has ended: %+v", pid, got)
	}
	must(t, gate.Close())
	s.CloseInput()
	s.Exits(0)
}
