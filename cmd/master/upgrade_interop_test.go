// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// operatorsWord sends a request to the master of p, and returns its answer.
func operatorsWord(t testing.TB, p *pftest.Instance, request string) (ok bool, text string) {
	t.Helper()
	conn, err := net.Dial("unix", p.Queue+"/control")
	must(t, err)
	defer conn.Close() //nolint:errcheck // all has been said
	must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
	_, err = conn.Write([]byte(request + "\n"))
	must(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v after %q", request, err, line)
	}
	var a struct {
		OK     bool
		Text   string
		Errors []struct{ Text string }
	}
	must(t, json.Unmarshal([]byte(line), &a))
	for _, e := range a.Errors {
		a.Text += e.Text
	}
	return a.OK, a.Text
}

const upgradeNow = `{"v":1,"command":"upgrade"}`

// upgraded has the master of p be upgraded to program.
func upgraded(t testing.TB, p *pftest.Instance, program string) {
	t.Helper()
	ok, text := operatorsWord(t, p, fmt.Sprintf(`{"v":1,"command":"upgrade","program":%q}`, program))
	if !ok || !strings.HasPrefix(text, "upgraded to ") {
		t.Fatalf("upgrade: %v %q", ok, text)
	}
}

// said writes to a connection, which may be nil, and reads a line that begins with want.
func said(conn net.Conn, in *bufio.Reader, write, want string) error {
	if write != "" {
		if _, err := conn.Write([]byte(write)); err != nil {
			return err
		}
	}
	line, err := in.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, want) {
		err = fmt.Errorf("%q instead of %q", line, want)
	}
	return err
}

// talk makes a connection, on which each pair of lines is said and answered.
func talk(addr string, lines ...string) error {
	conn, err := net.DialTimeout("tcp", addr, pftest.Patience)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it has served
	if err := conn.SetDeadline(time.Now().Add(pftest.Patience)); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	for i := 0; i < len(lines); i += 2 {
		if err := said(conn, in, lines[i], lines[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// TestUpgradeUnderClients: 64 clients that come again and again, of commands in
// master's hands, with a queue, of a pool of daemons, and of the real smtpd,
// do not notice that the program is replaced, nor do two who stay.
func TestUpgradeUnderClients(t *testing.T) {
	beyondPostfix(t, "its program is replaced by a stop and a start")
	commands, pool := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Main: map[string]string{"hosted_queue_limit": "100"}})
	services, err := os.ReadFile(p.Config + "/master.cf")
	must(t, err)
	p.SetServices(commands + " inet n n n - 10 spawn user=nobody argv=/bin/cat\n" + pool + " inet n n n - 8 probe\n" + string(services))
	p.InstallProbe("probe")
	p.Start()
	pid := p.Pid()

	stays := dial(t, pool)
	cat, err := net.Dial("tcp", commands)
	must(t, err)
	defer cat.Close() //nolint:errcheck // it is closed below
	catIn := bufio.NewReader(cat)
	must(t, said(cat, catIn, "before\n", "before"))

	var served atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	for i := range 64 {
		client := func() error { return talk(commands, "hello\n", "hello") }
		switch i % 4 {
		case 1:
			client = func() error { return talk(pool, "", "") }
		case 2:
			client = func() error { return talk(p.MailAddr, "", "220 ", "QUIT\r\n", "221 ") }
		}
		all.Go(func() {
			for !over.Load() {
				if err := client(); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				served.Add(1)
			}
		})
	}
	for range 6 {
		before := served.Load()
		p.Until("clients are served", func() bool { return served.Load() > before+200 || t.Failed() })
		upgraded(t, p, p.Daemons+"/master")
	}
	over.Store(true)
	all.Wait()
	if now := p.Pid(); now != pid {
		t.Errorf("process %d is the master, it was %d", now, pid)
	}
	must(t, said(cat, catIn, "after\n", "after"))
	must(t, stays.Finish())

	// Descriptors: those of one more upgrade are those of before.
	open := pftest.Descriptors(pid)
	upgraded(t, p, p.Daemons+"/master")
	pftest.HoldsSteady(t, pid, open)
	done := p.Count("upgraded to ")
	must(t, unix.Kill(pid, unix.SIGUSR2)) // the same without an operator
	p.Until("the signal has had its effect", func() bool { return p.Count("upgraded to ") == done+1 })
	must(t, said(cat, catIn, "again\n", "again"))
	must(t, cat.Close())
	if got := p.Grep(`postfix/master.*(panic|fatal|error:|throttl|adopt|ignoring|refused)`); len(got) > 0 {
		t.Errorf("the log has %q", got)
	}
	p.Must("status")
	p.Reload()
	must(t, talk(commands, "hello\n", "hello"))
	p.Stop()
}

// TestUpgradeProgram: a program that has been given the listening socket is still
// one afterwards, which a reload that wants another asks to end.
func TestUpgradeProgram(t *testing.T) {
	beyondPostfix(t, "its program is replaced by a stop and a start")
	addr := pftest.FreeAddr(t)
	entry := func(word string) string {
		return addr + " inet n n n - - spawn\n -o spawn_protocol=wait user=nobody argv=/usr/bin/perl -e {while(accept(C,STDIN)){print C qq($$ " + word + `\n)` + ";close C}}\n" + pftest.PostlogService
	}
	p := instance(t, pftest.Options{Services: entry("one")})
	p.StartMaster()
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	answer := func() string {
		t.Helper()
		conn, err := net.DialTimeout("tcp", addr, pftest.Patience)
		must(t, err)
		defer conn.Close() //nolint:errcheck // it has served
		must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
		line, err := bufio.NewReader(conn).ReadString('\n')
		must(t, err)
		return strings.TrimSpace(line)
	}
	first := answer()
	if !strings.HasSuffix(first, " one") {
		t.Fatalf("answer %q", first)
	}
	upgraded(t, p, p.Daemons+"/master")
	if now := answer(); now != first {
		t.Errorf("%q serves, and not %q", now, first)
	}
	p.SetServices(entry("two"))
	p.Reload()
	var pid int
	_, err := fmt.Sscan(first, &pid)
	must(t, err)
	p.Until("the program has ended", func() bool { return unix.Kill(pid, 0) != nil })
	if now := answer(); !strings.HasSuffix(now, " two") {
		t.Errorf("answer %q after the reload", now)
	}
	if got := p.Grep(`postfix/master.*(panic|fatal|error:|throttl|adopt|killed by)`); len(got) > 0 {
		t.Errorf("the log has %q", got)
	}
	p.Stop()
}

// TestUpgradeRefused: whatever is wrong with a program, the one that runs goes
// on, and says why.
func TestUpgradeRefused(t *testing.T) {
	beyondPostfix(t, "its program is replaced by a stop and a start")
	addr, queued := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := instance(t, pftest.Options{
		Main:     map[string]string{"hosted_queue_limit": "10"},
		Services: addr + " inet n n n - 2 probe\n" + queued + " inet n n n - 1 spawn user=nobody argv=/bin/cat\n" + pftest.PostlogService,
	})
	p.InstallProbe("probe")
	p.StartMaster()
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	pid, ours := p.Pid(), p.Daemons+"/master"
	stays := dial(t, addr)
	cat, err := net.Dial("tcp", queued)
	must(t, err)
	catIn := bufio.NewReader(cat)
	must(t, said(cat, catIn, "one\n", "one"))
	waits, err := net.Dial("tcp", queued)
	must(t, err)
	_, err = waits.Write([]byte("two\n"))
	must(t, err)
	ok, _ := operatorsWord(t, p, `{"v":1,"command":"pause","service":"`+addr+`"}`)
	if !ok {
		t.Fatal("no pause")
	}
	open := pftest.Descriptors(pid)

	script := func(name, text string) string {
		path := p.Dir + "/" + name
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
		return path
	}
	// rehearses well, and something is wrong when it is in earnest.
	later := func(name, text string) string {
		return script(name, `[ "$1" = -u ] && exec `+ours+` "$@"`+"\n"+text)
	}
	for _, c := range []struct{ program, want string }{
		{p.Dir + "/nothing", "No such file or directory"},
		{script("fails", "exit 3"), "its rehearsal ended with status 3"},
		{script("dies", "kill -9 $$"), "its rehearsal was killed by signal 9"},
		{script("lies", "exit 0"), "it is no master that knows of upgrades"},
		{script("older", `echo '{"state":999,"ok":true}'`), "it is no master that knows of upgrades"},
		{pftest.RealMaster, "its rehearsal ended with status 1"},
		// The way back, from what goes wrong only when it is in earnest.
		{later("usage", `exec `+ours+` -c `+p.Config+` -x`), "the former program has its place back, and goes on"},
		{later("nonsense", `exec `+ours+` -c `+p.Config+` -e nonsense`), "the former program has its place back, and goes on"},
	} {
		ok, text := operatorsWord(t, p, fmt.Sprintf(`{"v":1,"command":"upgrade","program":%q}`, c.program))
		if ok || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v %q, want %q", c.program, ok, text, c.want)
		}
		if now := p.Pid(); now != pid {
			t.Fatalf("%s: process %d is the master, it was %d", c.program, now, pid)
		}
	}
	pftest.HoldsSteady(t, pid, open)

	// An edited file is not taken along unseen.
	p.SetMain(map[string]string{"default_process_limit": "50"})
	if ok, text := operatorsWord(t, p, upgradeNow); ok || !strings.Contains(text, "reload first") {
		t.Errorf("after a change: %v %q", ok, text)
	}
	p.Reload()

	// And all that was is there: who is served, who waits, and the pause.
	upgraded(t, p, ours)
	if ok, text := operatorsWord(t, p, `{"v":1,"command":"resume","service":"`+addr+`"}`); !ok || !strings.Contains(text, "resumed") {
		t.Errorf("resume: %v %q", ok, text)
	}
	must(t, stays.Finish())
	must(t, said(cat, catIn, "three\n", "three"))
	must(t, cat.Close())
	must(t, waits.SetDeadline(time.Now().Add(pftest.Patience)))
	must(t, said(waits, bufio.NewReader(waits), "", "two"))
	must(t, waits.Close())
	must(t, talk(addr, "", ""))
	p.Stop()
}
