// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// one returns the only proxymap process.
func one(t *testing.T, p *pftest.Instance) int {
	t.Helper()
	list := p.Running("proxymap")
	if len(list) != 1 {
		t.Fatalf("%d processes: %v", len(list), list)
	}
	return list[0]
}

// TestChangedTables are noticed by whoever asks next, and nobody is cut off.
func TestChangedTables(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			dir := tables(t, map[string]string{})
			var list []kind
			text := func(typ string, n int) string {
				if typ == "cidr" {
					return fmt.Sprintf("127.0.0.1 version%d\n", n)
				}
				return fmt.Sprintf("127.0.0.1 version%d\nother%d x\n", n, n)
			}
			change := func(typ string, n int) {
				write(t, dir+"/"+typ, text(typ, n))
				if slices.Contains([]string{"hash", "btree", "cdb", "lmdb"}, typ) {
					index(t, typ+":"+dir+"/"+typ)
				}
			}
			types := []string{"hash", "btree", "texthash", "cidr"}
			for _, typ := range []string{"cdb", "lmdb"} {
				if hasType(t, typ) {
					types = append(types, typ)
				}
			}
			for _, typ := range types {
				change(typ, 0)
				list = append(list, kind{ref: typ + ":" + dir + "/" + typ})
			}
			p := c.instance(t, listedIn(list))
			var clients []*conversation
			for range 3 {
				clients = append(clients, connect(t, p, "proxymap"))
			}
			for n := range 4 {
				for _, typ := range types {
					if n > 0 {
						change(typ, n)
					}
					for _, k := range clients {
						if got, want := k.lookup(typ+":"+dir+"/"+typ, "127.0.0.1"), fmt.Sprintf("status=0 value=version%d", n); got != want {
							t.Errorf("%s: got %s, want %s", typ, got, want)
						}
					}
				}
			}
			// A file that is not there for a while, and a table that was never.
			must(t, os.Remove(dir+"/texthash"))
			late := "texthash:" + dir + "/texthash"
			if got := clients[0].lookup(late, "127.0.0.1"); got != "status=0 value=version3" {
				t.Errorf("without its file: %s", got)
			}
			fresh := connect(t, p, "proxymap")
			change("texthash", 9)
			pftest.Until(t, "the file is noticed", -1, func() bool { return fresh.lookup(late, "127.0.0.1") == "status=0 value=version9" })
			one(t, p)
			p.Until("the log tells of the changes", func() bool { // but for those of indexes
				return p.Count(`proxymap\[\d+\]: table .* has changed -- opened anew$`) >= 2*3+1
			})
			end(t, p)
		})
	}
}

// TestBadClients: those that ask half, too much, nothing, or do not read cost
// nobody else anything, nor much of a processor.
func TestBadClients(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, map[string]string{"proxy_read_maps": "proxy:static:all", "max_use": "5"})
			good := connect(t, p, "proxymap")
			if got := good.lookup("static:all", "k"); got != "status=0 value=all" {
				t.Fatal(got)
			}
			pid := one(t, p)
			var bad []*conversation
			for range 20 {
				bad = append(bad, connect(t, p, "proxymap"))
			}
			for i, k := range bad {
				var text string
				switch i % 4 {
				case 0:
					text = "request\x00loo" // and no more
				case 1:
					text = "request\x00lookup\x00table\x00static:all\x00flags\x000\x00key\x00" + strings.Repeat("x", 100_000) // no end
				case 2:
					text = "request\x00loo"
				case 3: // nothing
				}
				_, err := k.Write([]byte(text))
				must(t, err)
			}
			before := pftest.CPU(pid)
			// They are sent away when a second is over; meanwhile others are served.
			asked := 0
			for i, k := range bad {
				if i%4 == 3 {
					continue
				}
				must(t, k.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
				for {
					if _, err := k.Read(make([]byte, 100)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
						break
					}
					must(t, k.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
					asked++
					if got := good.lookup("static:all", "k"); got != "status=0 value=all" {
						t.Fatal(got)
					}
				}
				if i%4 == 2 { // what comes too late is nobody's
					_, _ = k.Write([]byte("kup\x00"))
				}
			}
			p.Until("the log says of 15 clients that they were sent away", func() bool {
				return p.Count(`warning: timeout on proxymap socket while reading input attribute`) == 15
			})
			if used := pftest.CPU(pid) - before; used > 300*time.Millisecond {
				t.Errorf("%s of processor time for %d lookups in a second", used, asked)
			}
			// Idle now: the process sleeps, but for what the runtime does for a while.
			sleeps, cpu := pftest.Switches(pid), pftest.CPU(pid)
			pftest.Gone(t, briefly(t))
			if n := pftest.Switches(pid) - sleeps; n > 200 || pftest.CPU(pid)-cpu > 20*time.Millisecond {
				t.Errorf("%d wake-ups and %s when nobody asks", n, pftest.CPU(pid)-cpu)
			}
			if got := good.lookup("static:all", "k"); got != "status=0 value=all" {
				t.Fatal(got)
			}
			one(t, p)
			// max_use is over when the last one has left.
			for _, k := range append(bad, good) {
				_ = k.Close()
			}
			pftest.Gone(t, pid)
			end(t, p)
		})
	}
}

// briefly starts a process that lives for two seconds.
func briefly(t *testing.T) int {
	t.Helper()
	proc, err := os.StartProcess("/bin/sleep", []string{"sleep", "2"}, &os.ProcAttr{})
	must(t, err)
	t.Cleanup(func() { _, _ = proc.Wait() })
	return proc.Pid
}

// TestSlowTable: whoever asks a server that takes its time waits for it; nobody
// else does.
func TestSlowTable(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	release := make(chan struct{})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				in := bufio.NewScanner(conn)
				for in.Scan() {
					if strings.HasSuffix(in.Text(), "slow") {
						<-release
					}
					_, _ = fmt.Fprintf(conn, "200 %s\n", strings.TrimPrefix(in.Text(), "get "))
				}
				_ = conn.Close()
			}()
		}
	}()
	ref := "tcp:" + ln.Addr().String()
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, map[string]string{"proxy_read_maps": "proxy:static:all proxy:" + ref})
			quick := connect(t, p, "proxymap")
			if got := quick.lookup(ref, "quick"); got != "status=0 value=quick" {
				t.Fatal(got)
			}
			slow := connect(t, p, "proxymap")
			got := make(chan string, 1)
			go func() { got <- slow.lookup(ref, "slow") }()
			pid := one(t, p)
			for range 500 {
				if got := quick.lookup("static:all", "k"); got != "status=0 value=all" {
					t.Fatal(got)
				}
			}
			select {
			case text := <-got:
				t.Errorf("the slow one has %s already", text)
			default:
			}
			if again := one(t, p); again != pid {
				t.Error("it is another process")
			}
			release <- struct{}{}
			if text := <-got; text != "status=0 value=slow" {
				t.Error(text)
			}
			end(t, p)
		})
	}
}

// TestReload: clients find the new configuration at once, and a client that is
// in the middle of its questions does not notice.
func TestReload(t *testing.T) {
	for _, c := range append(combinations, realBoth) {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, map[string]string{"proxy_read_maps": "proxy:static:before"})
			k := connect(t, p, "proxymap")
			if got := k.lookup("static:before", "k"); got != "status=0 value=before" {
				t.Fatal(got)
			}
			pid := one(t, p)
			p.SetMain(map[string]string{"proxy_read_maps": "proxy:static:after"})
			p.Reload()
			if rest, err := io.ReadAll(k); err != nil || len(rest) > 0 {
				t.Errorf("got %q, %v", rest, err)
			}
			pftest.Gone(t, pid)
			out, exit := postmap(t, p, "", "-q", "k", "proxy:static:after")
			if out != "after\n" || exit != 0 {
				t.Errorf("got %q, %d", out, exit)
			}
			if !c.ourProxymap {
				return
			}
			end(t, p)
			// `postfix stop` is not for proxywrite to die of; it leaves by itself.
			w := connect(t, p, "proxywrite")
			w.ask("request=open", "table=internal:x", "flags=0")
			must(t, unix.Kill(p.Pid(), unix.SIGTERM))
			p.AllGone()
		})
	}
}

// TestManyClients under a master: one process serves them all, and the next
// process is not begun for nothing.
func TestManyClientsOneProcess(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, map[string]string{"proxy_read_maps": "proxy:static:all"})
			connect(t, p, "proxymap").lookup("static:all", "first")
			pid := one(t, p)
			var clients []*conversation
			for i := range 200 {
				k := connect(t, p, "proxymap")
				if got := k.lookup("static:all", fmt.Sprint(i)); got != "status=0 value=all" {
					t.Fatal(got)
				}
				clients = append(clients, k)
			}
			for range 5 {
				for _, k := range clients {
					k.lookup("static:all", "again")
				}
			}
			if again := one(t, p); again != pid {
				t.Error("it is another process")
			}
			// It has been of use: killed, it is not taken for one that cannot start.
			must(t, unix.Kill(pid, unix.SIGKILL))
			p.WaitLog(`warning: process .*/proxymap pid \d+ killed by signal 9`)
			if got := connect(t, p, "proxymap").lookup("static:all", "k"); got != "status=0 value=all" {
				t.Error(got)
			}
			if n := p.Count("throttling"); n != 0 {
				t.Error("the service was throttled")
			}
		})
	}
}
