// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestThousandServices starts, uses, reloads and idles a thousand services of
// all types.
func TestThousandServices(t *testing.T) {
	base := pftest.FreeAddr(t)
	port := base[strings.LastIndexByte(base, ':'):]
	inet := func(i int) string { return fmt.Sprintf("127.0.%d.%d%s", 1+i/200, 1+i%200, port) }
	services := func(program string) string {
		var b strings.Builder
		for i := range 400 {
			fmt.Fprintf(&b, "%s inet n n n - 3 %s\n", inet(i), program)
		}
		for i := range 300 {
			fmt.Fprintf(&b, "u%d unix %s n n - 3 %s\n", i, []string{"n", "y"}[i%2], program)
		}
		for i := range 100 {
			fmt.Fprintf(&b, "p%d pass n n n - 3 %s\n", i, program)
			fmt.Fprintf(&b, "f%d fifo n n n - 3 %s\n", i, program)
			fmt.Fprintf(&b, "d%d unix-dgram n n n - 3 %s\n", i, program)
		}
		return b.String()
	}
	p := instance(t, pftest.Options{Services: services("probe") + pftest.PostlogService})
	p.InstallProbe("probe", "other")
	began := time.Now()
	p.StartMaster()
	t.Logf("started in %v, %d descriptors, %d kB", time.Since(began), len(pftest.Descriptors(p.Pid())), pftest.Resident(p.Pid()))

	use := func() {
		t.Helper()
		for i := 0; i < 400; i += 20 {
			visit(t, inet(i))
		}
		for i := 0; i < 300; i += 30 {
			visit(t, p.Queue+"/public/u"+fmt.Sprint(i))
			visit(t, p.Queue+"/private/u"+fmt.Sprint(i+1))
		}
		for i := 0; i < 100; i += 10 {
			c, err := pftest.DialPass(p.Queue + "/public/p" + fmt.Sprint(i))
			must(t, err)
			must(t, c.Finish())
		}
	}
	use()
	p.Until("one process for each service used", func() bool { return len(p.Running("probe")) == 50 })
	used := len(pftest.Descriptors(p.Pid()))

	// All change their program, one service goes and another comes.
	text := strings.Replace(services("other"), inet(399)+" inet", inet(400)+" inet", 1)
	p.SetServices(text + pftest.PostlogService)
	began = time.Now()
	p.Reload()
	p.Until("the new service listens", func() bool { return connect(inet(400)) == nil })
	t.Logf("reloaded in %v", time.Since(began))
	p.Until("the removed service refuses", func() bool { return connect(inet(399)) != nil })
	p.Until("the old processes have left", func() bool { return len(p.Running("probe")) == 0 })
	use()
	p.Until("one process for each service used", func() bool { return len(p.Running("other")) == 51 })
	if now := len(pftest.Descriptors(p.Pid())); now > used+10 {
		t.Errorf("%d descriptors after the reload, %d before", now, used)
	}

	idle(t, p)
	p.Stop()
}

// idle proves that the master sleeps: none of its threads wakes up. Here and
// only here does a test wait for time to pass: that nothing happens has no
// event. A runtime that collects its garbage once in two minutes is given a
// second and a third chance.
func idle(t *testing.T, p *pftest.Instance) {
	t.Helper()
	const window = 3000 // ms
	var woken []int
	for range 3 {
		before := pftest.Switches(p.Pid())
		_, err := unix.Poll(nil, window)
		must(t, err)
		n := pftest.Switches(p.Pid()) - before
		if n == 0 {
			return
		}
		woken = append(woken, n)
	}
	t.Errorf("idle, the master woke up %v times in windows of %d ms", woken, window)
}
