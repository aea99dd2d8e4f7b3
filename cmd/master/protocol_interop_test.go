// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// TestStatusRecordsOfEveryKind: whatever a daemon writes on its status
// channel, the master says what Postfix's says, and the service goes on.
func TestStatusRecordsOfEveryKind(t *testing.T) {
	for _, c := range []struct {
		kind string
		line string // what the log must say; empty: nothing
	}{
		{"short", `warning: service \S+\(\S+\): child \(pid -?\d+\) sent partial status update \(5 bytes\)$`},
		{"garbage", ""},
		{"generation", `ignoring status update from child pid \d+ generation \d+$`},
		{"pid", ""},
		{"negative", ""},
		{"value", `warning: master_status_event: ignoring unknown status: \d+ allegedly from pid: 7$`},
		{"taken", ""},
		{"available", ""},
	} {
		t.Run(c.kind, func(t *testing.T) {
			addr := pftest.FreeAddr(t)
			p := probes(t, nil, addr+" inet n n n - 3 probe\n")
			visit(t, addr)
			before := pftest.Descriptors(p.Pid())
			client := dial(t, addr)
			must(t, client.Tell("status="+c.kind))
			if answer, err := client.Ask("echo on"); answer != "on" {
				t.Fatalf("the daemon answers %q, %v", answer, err)
			}
			if c.line != "" {
				p.WaitLog(`postfix/master\[\d+\]: (` + c.line + `)`)
			}
			must(t, client.Close())
			for range 20 {
				visit(t, addr)
			}
			if !p.Alive() {
				t.Fatal("the master is gone")
			}
			if n := p.Count(`postfix/master\[`); n > 10 {
				t.Errorf("%d log lines for one bad record", n)
			}
			if bad := p.Grep(`throttling|panic|fatal`); len(bad) > 0 {
				t.Errorf("consequences: %q", bad)
			}
			pftest.HoldsSteady(t, p.Pid(), before)
			p.Stop()
		})
	}
}

// TestExitsAtEveryStage: a daemon that fails before its first client has been
// counted gets its service throttled; whatever it does, a neighbour answers,
// and once the throttle is over the service is tried again.
func TestExitsAtEveryStage(t *testing.T) {
	for _, stage := range []string{"start", "accept", "taken", "client"} {
		for _, c := range []struct{ action, line string }{
			{"exit=1", `exit status 1`},
			{"exit=75", `exit status 75`},
			{"kill=9", `killed by signal 9`},
			{"kill=15", `killed by signal 15`},
			{"kill=6", `killed by signal 6`},
		} {
			t.Run(stage+" "+c.action, func(t *testing.T) {
				addr, neighbour := pftest.FreeAddr(t), pftest.FreeAddr(t)
				services := neighbour + " inet n n n - 3 probe\n" + pftest.PostlogService
				good := addr + " inet n n n - 3 probe\n"
				p := probes(t, map[string]string{"service_throttle_time": "1s"}, neighbour+" inet n n n - 3 probe\n"+good)
				visit(t, neighbour)
				idle := visit(t, addr)
				before := pftest.Descriptors(p.Pid())

				p.SetServices(services + addr + " inet n n n - 3 probe " + stage + ":" + c.action + "\n")
				p.Reload()
				pftest.Gone(t, idle)
				must(t, connect(addr)) // which is enough to start a process
				p.WaitLog(`postfix/master\[\d+\]: warning: process ` + p.Daemons + `/probe pid \d+ ` + c.line + `$`)
				p.WaitLog(`postfix/master\[\d+\]: warning: ` + p.Daemons + `/probe: bad command startup -- throttling`)
				visit(t, neighbour)

				p.SetServices(services + good)
				p.Reload()
				visit(t, addr) // not before the throttle is over; a reload does not end it
				visit(t, neighbour)
				pftest.HoldsSteady(t, p.Pid(), before)
			})
		}
	}
}

// TestFailureAfterAClientIsNotThrottled: only a daemon that never finished a
// client counts as a bad start.
func TestFailureAfterAClientIsNotThrottled(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 1 probe\n")
	first := visit(t, addr)
	c := dial(t, addr)
	if c.Pid != first {
		t.Fatalf("process %d serves the second client, %d served the first", c.Pid, first)
	}
	must(t, c.Tell("exit=3"))
	must(t, c.AwaitEnd())
	p.WaitLog(fmt.Sprintf(`warning: process %s/probe pid %d exit status 3$`, p.Daemons, first))
	if again := visit(t, addr); again == first {
		t.Errorf("process %d serves after its end", again)
	}
	if p.Count("throttling") > 0 {
		t.Error("the service was throttled")
	}
}

// TestExitZeroWithoutServing: a daemon that leaves at once with status 0 while
// its client waits is started again and again; that is no failure, and must
// neither fill the log nor starve the neighbour.
func TestExitZeroWithoutServing(t *testing.T) {
	addr, neighbour := pftest.FreeAddr(t), pftest.FreeAddr(t)
	services := neighbour + " inet n n n - 3 probe\n"
	p := probes(t, nil, services+addr+" inet n n n - 3 probe start:exit=0\n")
	visit(t, neighbour)
	before := pftest.Descriptors(p.Pid())
	lines := len(p.Lines())
	must(t, connect(addr))
	first := dial(t, neighbour)
	must(t, first.Close())
	for range 200 {
		visit(t, neighbour)
	}
	p.SetServices(services + pftest.PostlogService)
	p.Reload()
	p.Until("the service is gone", func() bool { return connect(addr) != nil })
	if n := len(p.Lines()) - lines; n > 10 {
		t.Errorf("%d log lines", n)
	}
	p.Until("no process of it is left", func() bool { return len(p.Running("probe")) <= 1 })
	// The removed listener is gone from the descriptors, with its channel.
	after := pftest.Descriptors(p.Pid())
	if len(after) > len(before) {
		t.Errorf("%d descriptors, had %d", len(after), len(before))
	}
}

// TestTenThousandRestarts: every client gets a process of its own, which
// exits after it; nothing piles up.
func TestTenThousandRestarts(t *testing.T) {
	const clients, each = 4, 2500
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 8 probe done:exit=0\n")
	for range 20 {
		visit(t, addr)
	}
	p.Until("the probes have left", func() bool { return len(p.Running("probe")) == 0 && len(pftest.Zombies(p.Pid())) == 0 })
	before, lines, resident := pftest.Descriptors(p.Pid()), len(p.Lines()), pftest.Resident(p.Pid())

	began := time.Now()
	var wg sync.WaitGroup
	failed := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			for range each {
				c, err := pftest.Dial(addr)
				if err == nil {
					err = c.Close()
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	t.Logf("%d processes in %v", clients*each, time.Since(began))

	p.Until("the probes have left", func() bool { return len(p.Running("probe")) == 0 && len(pftest.Zombies(p.Pid())) == 0 })
	pftest.HoldsSteady(t, p.Pid(), before)
	if n := len(p.Lines()) - lines; n > 10 {
		t.Errorf("%d new log lines, such as %q", n, p.Lines()[lines])
	}
	if grown := pftest.Resident(p.Pid()) - resident; grown > 16<<10 {
		t.Errorf("the master has grown by %d kB", grown)
	}
	if n := pftest.Threads(p.Pid()); n > 20 {
		t.Errorf("the master has %d threads", n)
	}
	p.Stop()
}
