// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// stopLimit is service_stop_time_limit in this test.
const stopLimit = 2 * time.Second

// TestStubbornDaemonDelaysNobody: a service whose daemon ignores SIGTERM is
// removed. The others answer within 50 ms all the while, the master costs no
// processor time, and after service_stop_time_limit the daemon is killed.
//
// On a machine that others use too, an answer may be late for reasons that are
// not the master's. A master that waits for its daemon is late every time; so
// the removal is repeated, and it is enough that nobody waits in one of six.
func TestStubbornDaemonDelaysNobody(t *testing.T) {
	beyondPostfix(t, "it waits for the daemon in a busy loop, for ever, and serves nobody")
	other, fresh := pftest.FreeAddr(t), pftest.FreeAddr(t)
	services := other + " inet n n n - 5 probe\n" + fresh + " inet n n n - 5 probe done:exit=0\n"
	p := probes(t, map[string]string{"service_stop_time_limit": "2s"}, services)
	rest := services + pftest.PostlogService
	var late []time.Duration
	for range 6 {
		slow := removeStubborn(t, p, rest, other, fresh)
		if slow <= 50*time.Millisecond {
			p.Stop()
			return
		}
		late = append(late, slow)
	}
	t.Errorf("while a daemon was being stopped, a client waited %v", late)
}

// removeStubborn adds a service whose daemon ignores SIGTERM, removes it while
// that daemon has a client, and returns the longest that a client of the other
// services had to wait meanwhile.
func removeStubborn(t *testing.T, p *pftest.Instance, rest string, others ...string) (longest time.Duration) {
	t.Helper()
	addr := pftest.FreeAddr(t)
	p.SetServices(rest + addr + " inet n n n - 2 probe start:ignore=15\n")
	p.Reload()
	p.Until("the stubborn service listens", func() bool { return connect(addr) == nil })
	c := dial(t, addr)
	if answer, err := c.Ask("hold"); answer != "held" {
		t.Fatalf("the stubborn daemon answers %q, %v", answer, err)
	}
	p.SetServices(rest)
	p.Reload()
	removed := time.Now()

	// For half of its time, visit an idle process and a service that needs a
	// new one each time; then let the master be.
	n := 0
	for ; time.Since(removed) < stopLimit/2; n++ {
		for _, to := range others {
			c := dial(t, to)
			longest = max(longest, c.Waited)
			must(t, c.Close())
		}
	}
	t.Logf("%d round trips, the longest took %v", n*len(others), longest)
	p.Until("the processes of the visits have been reaped", func() bool { return len(pftest.Zombies(p.Pid())) == 0 })

	before := pftest.CPU(p.Pid())
	must(t, c.AwaitEnd()) // blocks until the daemon is dead
	if took := time.Since(removed); took < stopLimit-200*time.Millisecond || took > stopLimit+10*time.Second {
		t.Errorf("the daemon was killed %v after the reload, the limit is %v", took, stopLimit)
	}
	if used := pftest.CPU(p.Pid()) - before; used > 50*time.Millisecond {
		t.Errorf("the master used %v of processor time just waiting", used)
	}
	pftest.Gone(t, c.Pid)
	p.Until("the daemon is reaped", func() bool { return len(pftest.Zombies(p.Pid())) == 0 })
	visit(t, others[0])
	return longest
}
