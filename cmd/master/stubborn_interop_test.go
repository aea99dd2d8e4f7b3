// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// TestStubbornDaemonDelaysNobody: a service whose daemon ignores SIGTERM is
// removed. The others answer within 50 ms all the while, the master costs no
// processor time, and after service_stop_time_limit the daemon is killed.
//
// On a machine that others use too, a round trip may be late for reasons that
// are not the master's. So as many are timed beforehand, and the worst of
// those is added to the 50 ms.
func TestStubbornDaemonDelaysNobody(t *testing.T) {
	beyondPostfix(t, "it waits for the daemon in a busy loop, for ever, and serves nobody")
	const limit = 2 * time.Second
	stubborn, other, fresh := pftest.FreeAddr(t), pftest.FreeAddr(t), pftest.FreeAddr(t)
	rest := other + " inet n n n - 5 probe\n" + fresh + " inet n n n - 5 probe done:exit=0\n"
	p := probes(t, map[string]string{"service_stop_time_limit": "2s"}, rest+stubborn+" inet n n n - 2 probe start:ignore=15\n")

	// worst visits both an idle process and a service that needs a new one
	// each time, for about the given time, and returns the longest wait.
	worst := func(d time.Duration) time.Duration {
		var longest time.Duration
		n := 0
		for began := time.Now(); time.Since(began) < d; n++ {
			for _, addr := range []string{other, fresh} {
				c := dial(t, addr)
				longest = max(longest, c.Waited)
				must(t, c.Close())
			}
		}
		t.Logf("%d round trips, the longest took %v", 2*n, longest)
		return longest
	}
	baseline := worst(limit / 2)

	c := dial(t, stubborn)
	if answer, err := c.Ask("hold"); answer != "held" {
		t.Fatalf("the stubborn daemon answers %q, %v", answer, err)
	}
	p.SetServices(rest + pftest.PostlogService)
	p.Reload()
	removed := time.Now()
	if slow := worst(limit / 2); slow > 50*time.Millisecond+baseline {
		t.Errorf("a client waited %v while the daemon was being stopped; before, %v at most", slow, baseline)
	}
	p.Until("the visits' processes have left", func() bool { return len(pftest.Zombies(p.Pid())) == 0 })

	before := pftest.CPU(p.Pid())
	must(t, c.AwaitEnd()) // blocks until the daemon is dead
	if took := time.Since(removed); took < limit-200*time.Millisecond || took > limit+10*time.Second {
		t.Errorf("the daemon was killed %v after the reload, the limit is %v", took, limit)
	}
	if used := pftest.CPU(p.Pid()) - before; used > 50*time.Millisecond {
		t.Errorf("the master used %v of processor time just waiting", used)
	}
	pftest.Gone(t, c.Pid)
	visit(t, other)
	p.Until("the daemon is reaped", func() bool { return len(pftest.Zombies(p.Pid())) == 0 })
	p.Stop()
}
