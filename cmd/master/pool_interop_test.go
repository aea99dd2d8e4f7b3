// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestIdleProcessServesTheNext: no second process while the first is idle, and
// none beyond the limit.
func TestIdleProcessServesTheNext(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 2 probe\n")
	first := visit(t, addr)
	for range 50 {
		if pid := visit(t, addr); pid != first {
			t.Fatalf("process %d serves, process %d was idle", pid, first)
		}
	}
	a := dial(t, addr)
	b := dial(t, addr)
	if a.Pid == b.Pid {
		t.Fatalf("process %d serves two clients", a.Pid)
	}
	// The third waits for one of them to be done.
	third := make(chan *pftest.Client, 1)
	go func() {
		c, err := pftest.Dial(addr)
		if err != nil {
			t.Error(err)
		}
		third <- c
	}()
	if got := len(p.Running("probe")); got != 2 {
		t.Errorf("%d processes, the limit is 2", got)
	}
	must(t, b.Finish())
	c := <-third
	if c == nil {
		return
	}
	if c.Pid != b.Pid {
		t.Errorf("process %d serves the third client, want %d, which was free", c.Pid, b.Pid)
	}
	must(t, a.Close())
	must(t, c.Close())
	p.Stop()
}

// TestStress: the process that fills the last place of a service open to the
// world begins with stress=yes, the others are replaced as they get idle, and
// the log tells the operator of the limit, once.
func TestStress(t *testing.T) {
	p := probes(t, nil, "passing pass n - n - 2 probe\n")
	path := p.Queue + "/public/passing"
	pass := func() (*pftest.Client, string) {
		t.Helper()
		c, err := pftest.DialPass(path)
		must(t, err)
		text, err := c.Report()
		must(t, err)
		return c, text
	}
	a, report := pass()
	if !strings.Contains(report, ": stress=\n") {
		t.Errorf("the first process is stressed:\n%s", report)
	}
	b, report := pass()
	if !strings.Contains(report, ": stress=yes\n") {
		t.Errorf("the process that fills the last place is not stressed:\n%s", report)
	}
	p.WaitLog(`postfix/master\[\d+\]: warning: service "passing" \(public/passing\) has reached its process limit "2": new clients may experience noticeable delays$`)
	p.WaitLog(`postfix/master\[\d+\]: warning: to avoid this condition, increase the process count in master.cf or reduce the service time per client$`)
	p.WaitLog(`postfix/master\[\d+\]: warning: see https?://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings$`)
	first := a.Pid
	must(t, a.Close())
	pftest.Gone(t, first)
	a, report = pass()
	if !strings.Contains(report, ": stress=yes\n") || a.Pid == b.Pid {
		t.Errorf("the replacement is not stressed:\n%s", report)
	}
	must(t, a.Close())
	must(t, b.Close())
	if n := p.Count(`has reached its process limit`); n != 1 {
		t.Errorf("%d warnings within a thousand seconds, want 1", n)
	}
}

// TestReloadKeepsBusyAndQueued: at reload a busy daemon finishes its client,
// an idle one leaves, and who waits in the queue of an unchanged listener is
// served by a process of the new generation.
func TestReloadKeepsBusyAndQueued(t *testing.T) {
	busy, idle := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := probes(t, nil, busy+" inet n n n - 1 probe\n"+idle+" inet n n n - 1 probe\n")
	idler := visit(t, idle)
	c := dial(t, busy)
	queued := make(chan *pftest.Client, 1)
	go func() {
		q, err := pftest.Dial(busy)
		if err != nil {
			t.Error(err)
		}
		queued <- q
	}()
	p.Until("a client is in the queue", func() bool { return inQueue(t, busy) == 1 })
	p.Reload()
	pftest.Gone(t, idler)
	if answer, err := c.Ask("echo still here"); answer != "still here" {
		t.Fatalf("the busy daemon answers %q, %v", answer, err)
	}
	must(t, c.Close())
	q := <-queued
	if q == nil {
		return
	}
	if q.Pid == c.Pid || q.Generation <= c.Generation {
		t.Errorf("process %d generation %d serves the queue, want a newer one than %d, %d", q.Pid, q.Generation, c.Pid, c.Generation)
	}
	must(t, q.Close())
	if bad := p.Grep(`warning|fatal|panic`); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
}

// inQueue returns how many connections wait to be accepted at addr.
func inQueue(t *testing.T, addr string) int {
	t.Helper()
	var port int
	_, err := fmt.Sscanf(addr[strings.LastIndexByte(addr, ':'):], ":%d", &port)
	must(t, err)
	text, err := os.ReadFile("/proc/net/tcp")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		// sl local remote state tx:rx; state 0A is LISTEN, rx then the queue.
		if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == "0A" {
			var tx, rx int
			_, err := fmt.Sscanf(f[4], "%x:%x", &tx, &rx)
			must(t, err)
			return rx
		}
	}
	return 0
}

// TestRemovedServiceEndsItsDaemons: SIGTERM, without a complaint in the log,
// and the address refuses; the file of a unix-domain service stays.
func TestRemovedServiceEndsItsDaemons(t *testing.T) {
	addr, other := pftest.FreeAddr(t), pftest.FreeAddr(t)
	rest := other + " inet n n n - 1 probe\n"
	p := probes(t, nil, addr+" inet n n n - 2 probe\nlocal unix n n n - 2 probe\n"+rest)
	a, b := dial(t, addr), dial(t, p.Queue+"/public/local")
	kept := dial(t, other)
	p.SetServices(rest + pftest.PostlogService)
	p.Reload()
	must(t, a.AwaitEnd())
	must(t, b.AwaitEnd())
	pftest.Gone(t, a.Pid)
	pftest.Gone(t, b.Pid)
	p.Until("the address refuses", func() bool { return errors.Is(connect(addr), unix.ECONNREFUSED) })
	if _, err := os.Stat(p.Queue + "/public/local"); err != nil {
		t.Errorf("the socket of the removed service: %v", err)
	}
	if answer, err := kept.Ask("echo on"); answer != "on" {
		t.Errorf("the other service answers %q, %v", answer, err)
	}
	must(t, kept.Close())
	if bad := p.Grep(`killed by signal|throttling`); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
}

// TestWakeups: each type that can be woken is woken at once and then in time;
// one with "?" not before its first use, and after a reload not before its
// next.
func TestWakeups(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{})
	p.InstallProbe("probe")
	note := func(name string) string { return p.Dir + "/log/" + name }
	line := func(service, kind, wakeup string) string {
		return fmt.Sprintf("%s %s n n n %s 1 probe client:note=%s\n", service, kind, wakeup, note(kind+wakeup))
	}
	p.SetServices(line("woken", "unix", "1") + line("fifo", "fifo", "1") + line("passing", "pass", "1") +
		line(addr, "inet", "1") + line("used", "unix", "1?") + pftest.PostlogService)
	began := time.Now()
	p.StartMaster()
	notes := func(name string) int {
		text, _ := os.ReadFile(note(name))
		return strings.Count(string(text), "\n")
	}
	for _, name := range []string{"unix1", "fifo1", "pass1", "inet1"} {
		p.Until(name+" is woken four times", func() bool { return notes(name) >= 4 })
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("four wake-ups, one second apart, in %v", took)
	}
	if n := notes("unix1?"); n != 0 {
		t.Errorf("the service with ? was woken %d times before its first use", n)
	}
	visit(t, p.Queue+"/public/used")
	p.Until("it is woken after its first use", func() bool { return notes("unix1?") >= 3 })
	p.Reload()
	p.Until("it has left", func() bool {
		for _, pid := range p.Running("probe") {
			if strings.Contains(pftest.Argv(pid), "-n used ") {
				return false
			}
		}
		return true
	})
	was, others := notes("unix1?"), notes("unix1")
	p.Until("the others are woken on", func() bool { return notes("unix1") >= others+3 })
	if n := notes("unix1?") - was; n != 0 {
		t.Errorf("after the reload it was woken %d times before its next use", n)
	}
	if bad := p.Grep(`warning|fatal`); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
}
