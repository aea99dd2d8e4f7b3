// SPDX-License-Identifier: ISC

//go:build interop && linux

// The interop tests run a stock Postfix, its daemons and scripts untouched,
// with our master in the place of its own: `make interop`. What a test expects
// is what Postfix's master does: with POSTLOOP_MASTER=real in the environment
// the same tests run against that one, and pass but for those that say why it
// cannot.
package main_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// realSelected reports whether Postfix's own master is to be tested.
func realSelected() bool { return os.Getenv("POSTLOOP_MASTER") == "real" }

// underTest returns the executable of the master that is to be tested.
func underTest(t testing.TB) string {
	t.Helper()
	if realSelected() {
		return pftest.RealMaster
	}
	return pftest.Ours(t, "master")
}

// beyondPostfix skips a test of what Postfix's master does not do.
func beyondPostfix(t testing.TB, instead string) {
	t.Helper()
	if realSelected() {
		t.Skip("Postfix's master cannot pass: " + instead)
	}
}

// instance makes an instance under the master that is to be tested.
func instance(t testing.TB, o pftest.Options) *pftest.Instance {
	t.Helper()
	o.Master = underTest(t)
	return pftest.New(t, o)
}

// probes makes an instance of nothing but probes and the log daemon, starts
// its master, and waits until both it and the log daemon are at work. main may
// be nil.
func probes(t testing.TB, main map[string]string, services string) *pftest.Instance {
	t.Helper()
	p := instance(t, pftest.Options{Main: main, Services: services + pftest.PostlogService})
	p.InstallProbe("probe")
	p.StartMaster()
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	p.Until("the log daemon runs", func() bool { return len(p.Running("postlogd")) == 1 })
	return p
}

// dial connects to a probe and ends the test when that fails.
func dial(t testing.TB, addr string) *pftest.Client {
	t.Helper()
	c, err := pftest.Dial(addr)
	must(t, err)
	return c
}

// visit connects to a probe, waits for its greeting, leaves when the probe is
// available again, and returns its process id.
func visit(t testing.TB, addr string) int {
	t.Helper()
	c := dial(t, addr)
	must(t, c.Finish())
	return c.Pid
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect makes a connection that it closes again at once, without a word.
func connect(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// withoutFirstLine returns text from its second line on.
func withoutFirstLine(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}
