// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/bench/rivals"
)

// TestMain runs the tests, or an echo server when the bench starts itself.
func TestMain(m *testing.M) {
	serveEcho()
	serveTimers()
	os.Exit(m.Run())
}

// testBench is a run with our own server only, and with a command that every
// system has. Nothing here is timed: what is proved is that the machinery
// works and that every connection is answered.
func testBench(t *testing.T, args ...string) (*bench, *rivals.Rival) {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "postloop/cmd/master", "postloop/cmd/proxymap", "postloop/cmd/qmail-lspawn")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	o, err := parse(append([]string{"-bin", bin, "-rounds", "1", "-seconds", "0.1", "-calm", "0s"}, args...), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	b.command, b.reply = []string{"/bin/echo", "hello"}, "hello\n"
	for _, r := range b.world.All() {
		if r.Name == rivals.OursName {
			if r.Missing != "" {
				t.Fatal(r.Missing)
			}
			return b, r
		}
	}
	t.Fatal("our own server is not among the rivals")
	return nil, nil
}

func TestSpawner(t *testing.T) {
	b, r := testBench(t, "-clients", "1,8")
	s := &spawned{rival: r, series: map[string]map[int]series{}}
	places := b.places()
	for _, p := range places {
		if err := b.spawn(t.Context(), s, p); err != nil {
			t.Fatal(err)
		}
		t.Log(s.progress(p.mode, b.o.clients))
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
	for mode, byClients := range s.series {
		for n, list := range byClients {
			if len(list) != 1 || list[0].rate <= 0 || list[0].p50 <= 0 || list[0].cpu < 0 {
				t.Errorf("%s, %d clients: %+v", mode, n, list)
			}
		}
	}
	sec := b.spawnerSection([]*spawned{s}, places)
	if p := sec.Tables[0].Plot; p.Base != "" || !strings.Contains(p.SVG(), ">"+rivals.OursName+"<") {
		t.Errorf("the plot is %s", p.SVG())
	}
	if len(sec.Targets) != 9 || sec.Targets[6].Verdict() == "not measured" || sec.Targets[0].Verdict() != "not measured" {
		t.Errorf("the targets are %+v", sec.Targets)
	}
	text := sec.String()
	for _, want := range []string{"| " + rivals.OursName, "bin/master -c DIR/etc", "8 at once", "memory after"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
}

func TestDescriptorsAndHeld(t *testing.T) {
	b, r := testBench(t, "-connections", "20", "-descriptors", "100")
	c := &crowded{rival: r, ballast: 100}
	if err := b.crowd(t.Context(), c, b.places()[0]); err != nil {
		t.Fatal(err)
	}
	if c.open < 100 || len(c.series) != 1 {
		t.Errorf("%d descriptors, %d samples", c.open, len(c.series))
	}
	h := &holder{rival: r}
	cat, err := filepath.EvalSymlinks("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.hold(t.Context(), h, cat); err != nil {
		t.Fatal(err)
	}
	if h.after[0].Processes != 1 || h.open[1] < h.open[0]+20 || h.open[2] > h.open[0] {
		t.Errorf("%+v", h)
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestLoops: every loop sends back what it is sent. The test's own program is
// each of the servers.
func TestLoops(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.05")
	limit, err := b.cc("cecho")
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	all, err := b.world.Echoes(limit)
	if err != nil {
		t.Fatal(err)
	}
	var list []*looped
	p := b.places()[0]
	for _, r := range all {
		l := &looped{rival: r, series: map[string]map[int]series{}}
		for _, network := range echoNetworks {
			if err := b.echo(t.Context(), l, network, p); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, l)
	}
	text := b.loopsSection(list, p).String()
	for _, want := range []string{"| postloop", "| evio", "| Go net", "unix, 1000 connections"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestActivation: a daemon that speaks the protocol is started for each client,
// and a reload that changes one service closes no other.
func TestActivation(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.05", "-services", "3,20")
	minid, err := b.freestanding("minid")
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	a := &activated{by: map[sized]*activations{}}
	for _, r := range b.world.Masters() {
		if r.Ours {
			a.rival = r
		}
	}
	p := b.places()[0]
	for _, z := range b.activationSizes() {
		if err := b.activate(t.Context(), a, minid, z, p); err != nil {
			t.Fatal(err)
		}
		t.Log(a.progress(z))
		got := a.by[z]
		if got.kept != z.services-1 || got.others != z.services-1 || got.one[0].rate <= 0 || got.gap[0].p50 <= 0 || got.start[0] <= 0 || got.reload[0] <= 0 || got.rss[0] <= 0 {
			t.Errorf("%+v: %+v", z, got)
		}
	}
	text := b.activationSection([]*activated{a}, p).String()
	for _, want := range []string{"### inet, connections", "### unix, many services", "19 of 19", "\n    ...\n", "| " + rivals.OursMasterName} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestIdle: our programs do nothing when they have nothing to do.
func TestIdle(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.01", "-servers", rivals.OursMasterName)
	list, err := b.residents()
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	list = slices.DeleteFunc(list, func(x *resident) bool { return !x.rival.Ours })
	want := 2
	if b.world.Root {
		want++ // qmail-lspawn
	}
	if len(list) != want {
		t.Fatalf("%d programs", len(list))
	}
	for _, x := range list {
		if err := b.rest(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		t.Log(x.progress())
		if x.rss[0] <= 0 || x.threads == 0 || x.answer[0] <= 0 || (len(x.listens) == 1) != x.first {
			t.Errorf("%+v", x)
		}
	}
	text := b.idleSection(list).String()
	for _, want := range []string{"| postloop: master", "| postloop: proxymap", "watched for 200ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
}

// TestProxymap: every request is answered, on connections that stay and on
// those that do not.
func TestProxymap(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.02", "-servers", rivals.OursProxymapName)
	tables, err := b.proxymapTables()
	if err != nil {
		t.Fatal(err)
	}
	var x *proxied
	for _, one := range b.proxymaps() {
		if one.rival.Name == rivals.OursProxymapName {
			x = one
		}
	}
	p := b.places()[0]
	if err := b.proxy(t.Context(), x, tables, p); err != nil {
		t.Fatal(err)
	}
	for job, list := range x.series {
		if len(list) != 1 || list[0].rate <= 0 || x.left[job] != 0 {
			t.Errorf("%+v: %+v, %d never answered", job, list, x.left[job])
		}
	}
	text := b.proxymapSection([]*proxied{x}, tables, p).String()
	for _, want := range []string{"### static", "### texthash", "8 requests of a client under way", "a connection for each lookup", "| " + rivals.OursProxymapName} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestProxymapSlow: others are answered while a key takes its time, whose own
// answer comes as well.
func TestProxymapSlow(t *testing.T) {
	b, _ := testBench(t)
	var s *slowed
	for _, r := range b.world.Proxymaps() {
		if r.Name == rivals.OursProxymapName {
			s = &slowed{rival: r, without: map[string]series{}, with: map[string]series{}}
		}
	}
	p := b.places()[0]
	if err := b.slow(t.Context(), s, p, b.slowWork()); err != nil {
		t.Fatal(err)
	}
	t.Log(s.progress(p.mode))
	for _, list := range []series{s.without[p.mode], s.with[p.mode]} {
		if len(list) != slowPairs || list[0].rate <= 0 || list[0].p99 <= 0 {
			t.Errorf("%+v", list)
		}
	}
	text := b.slowSection([]*slowed{s}, []place{p}).String()
	for _, want := range []string{"| " + rivals.OursProxymapName, "p99 x without", "proxymap unix - - n - - proxymap"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestProxymapOpen: lookups are answered at their time, and those of the slow
// table are as well.
func TestProxymapOpen(t *testing.T) {
	b, _ := testBench(t)
	var s *slowed
	for _, r := range b.world.Proxymaps() {
		if r.Name == rivals.OursProxymapName {
			s = &slowed{rival: r, without: map[string]series{}, with: map[string]series{}}
		}
	}
	p := b.places()[0]
	if err := b.slow(t.Context(), s, p, b.openWork()); err != nil {
		t.Fatal(err)
	}
	for _, list := range []series{s.without[p.mode], s.with[p.mode]} {
		if len(list) != 1 || list[0].rate <= 0 || list[0].p99 < list[0].p50 || list[0].p50 <= 0 {
			t.Errorf("%+v", list)
		}
	}
	sec := b.openSection([]*slowed{s}, p)
	text := sec.String()
	for _, want := range []string{"| " + rivals.OursProxymapName, "2000 lookups a second", "200ms for a key"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if len(sec.Targets) != 1 || sec.Targets[0].Verdict() == "not measured" {
		t.Errorf("the targets are %+v", sec.Targets)
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestTimers: every kind of timers is measured, in a process of its own; the
// test's own program is each of those in Go.
func TestTimers(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.01")
	list, err := b.timerKinds()
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	was := timerCounts
	timerCounts = []int{100, 1000}
	defer func() { timerCounts = was }()
	for _, x := range list {
		for _, n := range timerCounts {
			if err := b.clockOne(t.Context(), x, n); err != nil {
				t.Fatal(err)
			}
			if c := x.costs[n]; len(c) != 1 || c[0].Set <= 0 || c[0].Reset <= 0 || c[0].Fire <= 0 {
				t.Errorf("%s, %d: %+v", x.name, n, c)
			}
		}
		t.Log(x.progress())
	}
	sec := b.timersSection(list)
	text := sec.String()
	for _, want := range []string{"| " + oursTimers, "| Go runtime", "| sorted list", "### 1000 timers", "timers postloop NUMBER SECONDS"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if len(sec.Targets) != 2 || sec.Targets[1].Verdict() != "yes" {
		t.Errorf("the targets are %+v", sec.Targets)
	}
	if sec.Tables[0].Plot.SVG() == "" {
		t.Error("there is no plot")
	}
}

// TestDeliveries: every delivery is reported, in whatever way its user is known.
func TestDeliveries(t *testing.T) {
	b, _ := testBench(t, "-seconds", "0.05")
	if !b.world.Root {
		t.Skip("needs root, to become other users")
	}
	list, err := b.lspawns()
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	if len(list) != 4 {
		t.Fatalf("%d spawners", len(list))
	}
	p := b.places()[0]
	for _, x := range list {
		if err := b.deliver(t.Context(), x, p); err != nil {
			t.Fatal(err)
		}
		t.Log(x.progress())
		for _, n := range deliveryCounts {
			if len(x.series[n]) != 1 || x.series[n][0].rate <= 0 || x.series[n][0].own <= 0 {
				t.Errorf("%s, %d: %+v", x.rival.Name, n, x.series[n])
			}
		}
	}
	text := b.deliveriesSection(list, p).String()
	for _, want := range []string{"| " + rivals.LspawnLimitName, "120 under way", "QMAIL_LSPAWN_GETPW=builtin", "announces its limit"} {
		if !strings.Contains(text, want) {
			t.Errorf("the section has no %q:\n%s", want, text)
		}
	}
	if err := b.failures(); err != nil {
		t.Error(err)
	}
}

// TestUnanswered: a server whose command says something else is found out.
func TestUnanswered(t *testing.T) {
	b, r := testBench(t, "-clients", "2")
	b.reply = "good day\n"
	s := &spawned{rival: r, series: map[string]map[int]series{}}
	err := b.spawn(t.Context(), s, b.places()[0])
	if err == nil || !strings.Contains(err.Error(), `answered with "hello\n"`) {
		t.Errorf("a wrong answer ends with %v", err)
	}
	if b.failures() == nil {
		t.Error("a wrong answer is forgotten")
	}
}

func TestParse(t *testing.T) {
	o, err := parse(nil, t.Output())
	if err != nil || len(o.workloads) != len(workloads) || o.time != 500*time.Millisecond || len(o.clients) != 3 || !o.wantsServer("xinetd") {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parse([]string{"-workload", "held", "-servers", "tcp,loop", "-clients", "3"}, t.Output())
	if err != nil || o.wants("spawner") || !o.wants("held") || !o.wantsServer("tcpsvd") || o.wantsServer("xinetd") || o.clients[0] != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parse([]string{"-quick", "-only", "loop,idle", "-rounds", "7"}, t.Output())
	if err != nil || o.rounds != 7 || o.time != 200*time.Millisecond || o.further != 0 || o.out != "" || len(o.workloads) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range []string{
		"-further -1", "-workload nothing", "-workload ,", "-rounds 0", "-rounds 101", "-seconds 0", "-seconds 61", "-clients 0", "-clients x",
		"-clients 1001", "-clients ,", "-modes loose", "-connections 0", "-descriptors 1", "-services 0", "-services 10001", "word",
	} {
		if o, err := parse(strings.Fields(args), t.Output()); err == nil {
			t.Errorf("%s is taken: %+v", args, o)
		}
	}
}
