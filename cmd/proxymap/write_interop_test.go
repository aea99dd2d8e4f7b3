// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// writable are the types of tables in files that can be written.
func writable(t *testing.T) []string {
	t.Helper()
	types := []string{"hash", "btree"}
	if hasType(t, "lmdb") {
		types = append(types, "lmdb")
	}
	return types
}

// listed is what the real postmap finds in a table, line by line, in order.
func listed(t *testing.T, ref string) []string {
	t.Helper()
	out, err := exec.Command("/usr/sbin/postmap", "-s", ref).Output()
	must(t, err)
	return slices.Sorted(strings.Lines(string(out)))
}

// verified has the library's own tool look at a file of Berkeley DB.
func verified(t *testing.T, path string) {
	t.Helper()
	if text, err := exec.Command("db5.3_verify", path).CombinedOutput(); err != nil {
		t.Errorf("db5.3_verify: %v\n%.1000s", err, text)
	}
}

// data lays out an instance in which tables of all types can be written, and returns
// their names.
func data(p *pftest.Instance, types []string) (refs []string) {
	var list []string
	for _, typ := range types {
		refs = append(refs, typ+":"+p.Data+"/cache-"+typ)
		list = append(list, "proxy:"+refs[len(refs)-1])
	}
	p.SetMain(map[string]string{"proxy_write_maps": strings.Join(list, ", ")})
	return refs
}

// requests is a long list of things to do to a table, always the same.
func requests(ref string) (list [][]string) {
	r := rand.New(rand.NewPCG(1, 2))
	key := func() string { return fmt.Sprintf("User%d@example.%s", r.IntN(150), strings.Repeat("x", r.IntN(4))) }
	walking := false
	for i := range 1500 {
		const flags = "flags=64" // others, and the real one opens another table
		switch n := r.IntN(20); {
		case n < 8:
			value := fmt.Sprintf("%d %s", i, strings.Repeat("v", r.IntN(300)))
			if r.IntN(60) == 0 {
				value = strings.Repeat("long", r.IntN(10000))
			}
			list = append(list, []string{"request=update", "table=" + ref, flags, "key=" + key(), "value=" + value})
			walking = false // where a new entry comes in is the library's to say
		case n < 11:
			list = append(list, []string{"request=delete", "table=" + ref, flags, "key=" + key()})
		case n < 17:
			list = append(list, []string{"request=lookup", "table=" + ref, flags, "key=" + key()})
		default:
			function := "function=1"
			if !walking || r.IntN(30) == 0 {
				walking, function = true, "function=0"
			}
			for range 1 + r.IntN(8) {
				list = append(list, []string{"request=sequence", "table=" + ref, flags, function})
				function = "function=1"
			}
		}
	}
	return list
}

// TestWrittenAnswers: answer by answer what the real proxywrite says, and the same
// in the file.
func TestWrittenAnswers(t *testing.T) {
	types := writable(t)
	real := realBoth.prepare(t, nil)
	measure := data(real, types)
	real.SetServices("proxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
	real.StartMaster()
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.prepare(t, nil)
			refs := data(p, types)
			p.SetServices("proxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
			p.StartMaster()
			for i, ref := range refs {
				if c == realMaster {
					requestsTo(t, real, measure[i], nil)
				}
				want := recorded[types[i]]
				requestsTo(t, p, ref, want)
				verifiedAs(t, ref, measure[i])
			}
			end(t, p)
			if bad := p.Complaints(); len(bad) > 0 {
				t.Errorf("complaints in the log: %q", bad)
			}
		})
	}
}

// recorded is what the real one has answered, by type.
var recorded = map[string][]string{}

// requestsTo makes all requests about a table, and compares the answers with want, or
// records them.
func requestsTo(t *testing.T, p *pftest.Instance, ref string, want []string) {
	t.Helper()
	typ, _, _ := strings.Cut(ref, ":")
	c := connect(t, p, "proxywrite")
	defer func() { _ = c.Close() }()
	bad := 0
	for i, request := range requests(ref) {
		must(t, c.SetDeadline(time.Now().Add(pftest.Patience)))
		got := c.ask(request...)
		if want == nil {
			recorded[typ] = append(recorded[typ], got)
		} else if got != want[i] {
			if bad++; bad < 6 {
				t.Errorf("%s: request %d, %.200q: got %.200q, want %.200q", typ, i, request, got, want[i])
			}
		}
	}
}

// verifiedAs compares two tables that have seen the same.
func verifiedAs(t *testing.T, ref, as string) {
	t.Helper()
	if got, want := listed(t, ref), listed(t, as); !slices.Equal(got, want) || len(want) < 50 {
		t.Errorf("%s has %d entries, and %s %d", ref, len(got), as, len(want))
	}
	if typ, name, _ := strings.Cut(ref, ":"); typ != "lmdb" {
		verified(t, name+".db")
	}
}

// TestWrittenInTurn: the real proxywrite and ours write to one file, one after the
// other. That of LMDB they have open at the same time.
func TestWrittenInTurn(t *testing.T) {
	types := writable(t)
	ours, real := realMaster.prepare(t, nil), realBoth.prepare(t, nil)
	refs := data(ours, types)
	var list []string
	for _, ref := range refs {
		list = append(list, "proxy:"+ref)
	}
	must(t, os.Chmod(ours.Dir, 0o755))
	real.SetMain(map[string]string{"proxy_write_maps": strings.Join(list, ", ")})
	for _, p := range []*pftest.Instance{ours, real} {
		p.SetServices("proxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
		p.StartMaster()
	}
	for i, ref := range refs {
		r := rand.New(rand.NewPCG(3, uint64(i)))
		want := map[string]string{}
		for round := range 30 {
			p := ours
			if round%2 == 1 {
				p = real
			}
			c := connect(t, p, "proxywrite")
			for step := range 40 {
				key := fmt.Sprint("key", r.IntN(400))
				switch r.IntN(3) {
				case 0, 1:
					value := fmt.Sprintf("%d/%d %s", round, step, strings.Repeat("v", r.IntN(200)))
					if got := c.ask("request=update", "table="+ref, "flags=64", "key="+key, "value="+value); got != "status=0" {
						t.Fatalf("%s: update: %s", ref, got)
					}
					want[key] = value
				case 2:
					value, there := want[key]
					answer := "status=1 value="
					if there {
						answer = "status=0 value=" + value
					}
					if got := c.ask("request=lookup", "table="+ref, "flags=64", "key="+key); got != answer {
						t.Fatalf("%s: round %d: %s is %s, want %s", ref, round, key, got, answer)
					}
					c.ask("request=delete", "table="+ref, "flags=64", "key="+key)
					delete(want, key)
				}
			}
			_ = c.Close()
			if p == real && types[i] != "lmdb" { // it takes what it has in memory for what is there
				pid := one(t, p)
				must(t, unix.Kill(pid, unix.SIGKILL))
				pftest.Gone(t, pid)
			}
		}
		var lines []string
		for key, value := range want {
			lines = append(lines, key+"\t"+value+"\n")
		}
		slices.Sort(lines)
		if got := listed(t, ref); !slices.Equal(got, lines) {
			t.Errorf("%s has %d entries, want %d", ref, len(got), len(lines))
		}
		if types[i] != "lmdb" {
			verified(t, strings.TrimPrefix(ref, types[i]+":")+".db")
		}
	}
	end(t, ours)
}

// TestWrittenSelfDeadlock: verify has its cache open with open_lock, and postmap
// deletes in it: in the real one that hangs for hours.
func TestWrittenSelfDeadlock(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.prepare(t, nil)
			refs := data(p, []string{"btree"})
			p.SetServices("proxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
			p.StartMaster()
			const openLock = "flags=65536"
			k := connect(t, p, "proxywrite")
			k.ask("request=open", "table="+refs[0], openLock)
			for i := range 10 {
				key := fmt.Sprint("key=", i)
				if got := k.ask("request=update", "table="+refs[0], openLock, key, "value=v"); got != "status=0" {
					t.Fatal(got)
				}
			}
			out, exit := postmap(t, p, "", "-d", "3", "proxy:"+refs[0])
			if out != "" || exit != 0 {
				t.Errorf("postmap -d: %q, %d", out, exit)
			}
			if got := k.ask("request=lookup", "table="+refs[0], openLock, "key=3"); got != "status=1 value=" {
				t.Error(got)
			}
			// A process that cannot have the file hears so, and does not wait.
			if _, err := exec.Command("timeout", "1", "/usr/sbin/postmap", "-q", "4", refs[0]).Output(); err == nil {
				t.Error("the file is not locked")
			}
			end(t, p)
		})
	}
}

// TestWrittenKilled: proxywrite is killed in the middle of traffic; what it has said
// to be done is done, and the file sound.
func TestWrittenKilled(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.prepare(t, nil)
			refs := data(p, writable(t))
			p.SetServices("proxywrite unix - - n - 1 proxymap\n" + pftest.PostlogService)
			p.StartMaster()
			want := make([]map[string]string, len(refs))
			for round := range 6 {
				for i, ref := range refs {
					if want[i] == nil {
						want[i] = map[string]string{}
					}
					flags := []string{"flags=64", "flags=65536"}[round%2]
					answered := func(n int) bool { return n == 60+round }
					conn, err := net.Dial("unix", p.Queue+"/private/proxywrite")
					must(t, err)
					must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
					k := talk(t, conn)
					var pid int
					for n := 0; ; n++ {
						key, value := fmt.Sprintf("key%d", n*7%300), fmt.Sprintf("%d in %d %s", n, round, strings.Repeat("v", n))
						if answered(n) { // one more is on its way
							pid = one(t, p)
							_, err := k.Write([]byte("request\x00update\x00table\x00" + ref + "\x00" + strings.Replace(flags, "=", "\x00", 1) + "\x00key\x00" + key + "\x00value\x00" + value + "\x00\x00"))
							must(t, err)
							must(t, unix.Kill(pid, unix.SIGKILL))
							delete(want[i], key) // as before, or as it was to become
							want[i]["?"+key] = ""
							break
						}
						if got := k.ask("request=update", "table="+ref, flags, "key="+key, "value="+value); got != "status=0" {
							t.Fatalf("%s: %s", ref, got)
						}
						want[i][key] = value
						delete(want[i], "?"+key)
					}
					_ = k.Close()
					pftest.Gone(t, pid)
				}
			}
			for i, ref := range refs {
				k := connect(t, p, "proxywrite")
				for key, value := range want[i] {
					if strings.HasPrefix(key, "?") {
						continue
					}
					if got := k.ask("request=lookup", "table="+ref, "flags=65536", "key="+key); got != "status=0 value="+value {
						t.Errorf("%s: %s is %.100s, want %.100s", ref, key, got, value)
					}
				}
				_ = k.Close()
			}
			pid := one(t, p)
			must(t, unix.Kill(pid, unix.SIGKILL))
			pftest.Gone(t, pid)
			for _, ref := range refs {
				typ, name, _ := strings.Cut(ref, ":")
				p.Until("its worker is gone", func() bool { return !slices.Contains(withWorkers(t), ref) })
				if typ != "lmdb" {
					verified(t, name+".db")
				}
			}
		})
	}
}

// withWorkers are the tables that have a worker.
func withWorkers(t *testing.T) (refs []string) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, path := range list {
		text, _ := os.ReadFile(path) // it may be gone
		if args := strings.Split(string(text), "\x00"); len(args) > 1 && strings.HasPrefix(args[0], "table-") {
			refs = append(refs, args[1])
		}
	}
	return refs
}

// TestPostscreen: the real postscreen(8) keeps its cache behind our proxywrite.
func TestPostscreen(t *testing.T) {
	for _, c := range combinations {
		for _, typ := range writable(t) {
			t.Run(c.name+" "+typ, func(t *testing.T) {
				p := c.prepare(t, map[string]string{
					"postscreen_cache_map":     "proxy:" + typ + ":$data_directory/postscreen",
					"postscreen_access_list":   "",
					"postscreen_greet_wait":    "1s",
					"postscreen_greet_action":  "enforce",
					"postscreen_greet_ttl":     "1h",
					"postscreen_dnsbl_min_ttl": "1h",
				})
				p.SetServices(strings.Replace(p.MailServices(), p.MailAddr+" inet n - n - 20 smtpd", p.MailAddr+" inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy", 1))
				p.Start()
				greet := func() {
					t.Helper()
					conn, err := net.Dial("tcp", p.MailAddr)
					must(t, err)
					defer func() { _ = conn.Close() }()
					must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
					in := bufio.NewReader(conn)
					for line := ""; !strings.HasPrefix(line, "220 "); { // the first is a teaser
						line, err = in.ReadString('\n')
						must(t, err)
					}
					_, _ = fmt.Fprintf(conn, "QUIT\r\n")
					_, _ = in.ReadString('\n')
				}
				greet()
				p.WaitLog(`PASS NEW \[127\.0\.0\.1\]`)
				greet()
				p.WaitLog(`PASS OLD \[127\.0\.0\.1\]`)
				cache := p.Data + "/postscreen"
				w := connect(t, p, "proxywrite")
				if got := w.ask("request=lookup", "table="+typ+":"+cache, "flags=64", "key=127.0.0.1"); !strings.HasPrefix(got, "status=0 value=") {
					t.Errorf("the cache has %q", got)
				}
				if bad := p.Complaints(); len(bad) > 0 {
					t.Errorf("complaints in the log: %q", bad)
				}
				p.Stop()
				p.AllGone()
				found := listed(t, typ+":"+cache)
				if !slices.ContainsFunc(found, func(line string) bool { return strings.HasPrefix(line, "127.0.0.1\t") }) {
					t.Errorf("the file has %q", found)
				}
				if typ != "lmdb" {
					verified(t, cache+".db")
				}
			})
		}
	}
}
