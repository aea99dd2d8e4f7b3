// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"postloop/bench/load"
	"postloop/bench/measure"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

const (
	// activationGap is how long a server rests between two connections, where
	// it does.
	activationGap = 20 * time.Millisecond
	// activationPort is the first that services listen on, on an address of
	// their own, where nobody else listens.
	activationPort = 20000
	// activationReply is what the daemon says.
	activationReply = "hello from minid\n"
)

var (
	activationAddr    = netip.AddrFrom4([4]byte{127, 77, 0, 1})
	activationNetwork = []string{"inet", "unix"}
)

// sized is a master with so many services.
type sized struct {
	network  string
	services int
}

// activations is what one master with so many services has come to.
type activations struct {
	one, eight, gap series    // 1 and 8 clients back to back, and one that lets it rest
	start, reload   []float64 // seconds
	reloadCPU       []float64 // seconds
	rss             []float64 // bytes
	kept, others    int       // sockets that a reload has left alone, of so many
}

// activated is what one master has come to in the workload activation.
type activated struct {
	rival   *rivals.Rival
	by      map[sized]*activations
	command string
	failed  bool
}

// activation measures masters by a daemon that serves one client.
func activation(ctx context.Context, b *bench) (*report.Section, error) {
	minid, err := b.freestanding("minid")
	if err != nil {
		return nil, err
	}
	var list []*activated
	for _, r := range b.presentOf(b.world.Masters()) {
		list = append(list, &activated{rival: r, by: map[sized]*activations{}})
	}
	if len(list) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	p := b.places()[0]
	for round := range b.rounds(func() bool { return activatedAgree(list) }) {
		for _, size := range b.activationSizes() {
			for _, a := range list {
				if a.failed {
					continue
				}
				if err := b.activate(ctx, a, minid, size, p); err != nil {
					if err := b.without(ctx, a.rival, err); err != nil {
						return nil, err
					}
					a.failed = true
					continue
				}
				b.roundf("activation", round, "%s", a.progress(size))
			}
		}
	}
	return b.activationSection(list, p), nil
}

func (b *bench) activationSizes() (list []sized) {
	for _, network := range activationNetwork {
		for _, n := range b.o.services {
			list = append(list, sized{network, n})
		}
	}
	return list
}

// name is how the line of a service begins in master.cf. That of a unix-domain
// socket is in the list of all sockets of the machine, so nobody else's.
func (z sized) name(i int) string {
	if z.network == "unix" {
		return fmt.Sprintf("bench%d-%d", os.Getpid(), i)
	}
	return netip.AddrPortFrom(activationAddr, uint16(activationPort+i)).String()
}

// activate measures one master with so many services, in one round: its start,
// connections to the last of the services, its memory, and its reload when the
// last has become another.
func (b *bench) activate(ctx context.Context, a *activated, minid string, z sized, p place) error {
	private := "n"
	if z.network == "unix" {
		private = "y"
	}
	var lines strings.Builder
	for i := range z.services {
		fmt.Fprintf(&lines, "%s %s %s - n - %d minid\n", z.name(i), z.network, private, spawnerLimit)
	}
	s := &rivals.Service{Services: lines.String(), Daemons: []string{minid}, Timed: true}
	last := z.services - 1
	if z.network == "unix" {
		s.Name = z.name(last)
	} else {
		s.Addr = netip.MustParseAddrPort(z.name(last))
	}
	srv, err := b.started(ctx, a.rival, s, p)
	if err != nil {
		return err
	}
	if a.by[z] == nil {
		a.by[z] = &activations{}
	}
	return errors.Join(b.activateOn(ctx, a, a.by[z], srv, s, minid, z), srv.Stop())
}

func (b *bench) activateOn(ctx context.Context, a *activated, got *activations, srv *rivals.Server, s *rivals.Service, minid string, z sized) error {
	got.start = append(got.start, srv.Took.Seconds())
	for clients, to := range map[int]*series{1: &got.one, 8: &got.eight} {
		one, err := b.measure(ctx, srv, clients, func(ctx context.Context, mark func()) (*load.Result, error) {
			c := load.Closed{
				Addr: s.Addr, Path: s.Path, Clients: clients, Want: []byte(activationReply), Warm: b.o.time / 4, Time: b.o.time, Mark: mark,
			}
			return c.Run(ctx)
		})
		if err != nil {
			return err
		}
		*to = append(*to, one)
	}
	one, err := b.measure(ctx, srv, 1, func(ctx context.Context, mark func()) (*load.Result, error) {
		g := load.Gapped{Addr: s.Addr, Path: s.Path, Gap: activationGap, Want: []byte(activationReply), Time: b.o.time, Mark: mark}
		return g.Run(ctx)
	})
	if err != nil {
		return err
	}
	got.gap = append(got.gap, one)
	if err := until(ctx, "the last daemon has ended", func() bool { return !runs(srv, minid) }); err != nil {
		return err
	}
	m, err := srv.Tree.Memory(append([]string{minid}, a.rival.Helpers...)...)
	if err != nil {
		return err
	}
	got.rss = append(got.rss, float64(m.RSS))
	a.command = z.short(srv.Command())
	return b.reload(got, srv, z)
}

// short leaves out all lines but the first and the last of those that are the
// same but for a number.
func (z sized) short(command string) string {
	first, last := "\n"+z.name(1)+" ", "\n"+z.name(z.services-1)+" "
	before, rest, ok := strings.Cut(command, first)
	_, after, alsoOk := strings.Cut(rest, last)
	if !ok || !alsoOk {
		return command
	}
	return before + "\n..." + last + after
}

// reload makes the last service another one, and waits until that listens. All
// other sockets must be the same before and after: who never closes a socket
// has never not listened.
func (b *bench) reload(got *activations, srv *rivals.Server, z sized) error {
	before, err := z.listening()
	if err != nil {
		return err
	}
	if len(before) != z.services {
		return fmt.Errorf("%s: %d of %d services listen when the last does", srv.Rival.Name, len(before), z.services)
	}
	cpu, err := srv.Tree.CPU()
	if err != nil {
		return err
	}
	last := z.services - 1
	told, err := srv.SetServices(z.name(last)+" ", z.name(last+1)+" ")
	if err != nil {
		return err
	}
	network, addr := "tcp", z.name(last+1)
	if z.network == "unix" {
		network, addr = "unix", srv.Private(addr)
	}
	if err := srv.Listens(network, addr); err != nil {
		return err
	}
	got.reload = append(got.reload, time.Since(told).Seconds())
	cpuAfter, err := srv.Tree.CPU()
	if err != nil {
		return err
	}
	got.reloadCPU = append(got.reloadCPU, cpuAfter.Sub(cpu).Total().Seconds())
	after, err := z.listening()
	if err != nil {
		return err
	}
	delete(before, z.where(last))
	kept := 0
	for name, inode := range before {
		if after[name] == inode {
			kept++
		}
	}
	if got.others == 0 || kept < got.kept {
		got.kept, got.others = kept, len(before)
	}
	return nil
}

// where is how the kernel's lists of sockets name a service: by its path as the
// master has used it, from its queue directory.
func (z sized) where(i int) string {
	if z.network == "unix" {
		return "private/" + z.name(i)
	}
	return z.name(i)
}

// listening returns the inodes of the sockets of all services that listen.
func (z sized) listening() (map[string]string, error) {
	file, parse := "/proc/net/tcp", measure.ListeningTCP
	if z.network == "unix" {
		file, parse = "/proc/net/unix", measure.ListeningUnix
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list := parse(string(text))
	all := map[string]string{}
	for i := range z.services + 1 {
		if inode, ok := list[z.where(i)]; ok {
			all[z.where(i)] = inode
		}
	}
	return all, nil
}

// progress says what the last round has brought.
func (a *activated) progress(z sized) string {
	got := a.by[z]
	last := len(got.one) - 1
	return fmt.Sprintf("%-10s %4d %s: start %5.1f ms  1: %6.0f/s  8: %6.0f/s %5.0f us  gap: %5.0f us  reload %5.1f ms", a.rival.Name, z.services, z.network,
		1e3*got.start[last], got.one[last].rate, got.eight[last].rate, got.eight[last].cpu, got.gap[last].p50, 1e3*got.reload[last])
}

func (b *bench) activationSection(list []*activated, p place) *report.Section {
	sec := &report.Section{
		Title: "activation",
		Text: "A daemon that serves one client with a line, and exits: a static program without a C library that speaks the master protocol. Clients connect to the last " +
			fmt.Sprintf("service of so many, back to back, and after the server has rested for %v, where the time is that to the first byte. ", activationGap) +
			"A start is from the program's execution to the last service's listening, a reload from the signal to that of the last service, which has become another; " +
			"kept are the sockets of all others that were never closed. Memory is RSS without daemons, and what has come with each service beyond the smallest number. " + figuresText,
	}
	for _, network := range activationNetwork {
		sec.Tables = append(sec.Tables, b.connectionsTable(list, network, p), b.sizesTable(list, network, p))
	}
	sec.Targets = b.activationTargets(list)
	for _, a := range list {
		sec.Commands = append(sec.Commands, b.commandFact(a.rival, a.command))
	}
	return sec
}

// eachActivated calls f with what every master with so many services has come to, beside
// Postfix's, and its own with the fewest.
func (b *bench) eachActivated(list []*activated, network string, f func(a *activated, z sized, got, postfix, few *activations)) {
	for _, n := range b.o.services {
		z := sized{network, n}
		postfix := &activations{}
		for _, a := range list {
			if a.rival.Name == rivals.PostfixName && a.by[z] != nil {
				postfix = a.by[z]
			}
		}
		for _, a := range list {
			if got := a.by[z]; got != nil && len(got.reload) > 0 {
				f(a, z, got, postfix, a.by[sized{network, b.o.services[0]}])
			}
		}
	}
}

func (b *bench) connectionsTable(list []*activated, network string, p place) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("%s, connections: %s", network, places[p.mode]),
		Head: []string{
			"server", "services", "1 client: connections/s", "x Postfix", "8 clients: connections/s", "x Postfix", "CPU us", "x its own with few",
			"first byte after a rest us", "x Postfix",
		},
	}
	plot := newPlot("activation, "+t.Title+", 8 clients", "connections a second", rivals.PostfixName, hasPostfix(list), "more", rate)
	b.eachActivated(list, network, func(a *activated, z sized, got, postfix, few *activations) {
		plot.add(fmt.Sprintf("%d services", z.services), a.rival, got.eight, postfix.eight)
		t.Rows = append(t.Rows, []string{
			a.rival.Name, fmt.Sprint(z.services), got.one.of(rate).Range(), got.one.over(postfix.one, rate).String(),
			got.eight.of(rate).Range(), got.eight.over(postfix.eight, rate).String(), got.eight.of(cpu).String(), got.eight.over(few.eight, cpu).String(),
			got.gap.of(p50).Range(), got.gap.over(postfix.gap, p50).String(),
		})
	})
	t.Plot = plot.Plot
	return t
}

func (b *bench) sizesTable(list []*activated, network string, p place) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("%s, many services: %s", network, places[p.mode]),
		Head: []string{
			"server", "services", "start ms", "x Postfix", "reload ms", "x Postfix", "reload CPU ms", "kept", "RSS MB", "KiB per further service",
		},
	}
	plot := newPlot("activation, "+t.Title+", start and reload", "time", rivals.PostfixName, hasPostfix(list), "less", nil)
	ratio := func(these, those []float64) report.Figure {
		if plot.Base == "" {
			return millis(these)
		}
		return report.Summarize(report.Ratios(these, those))
	}
	b.eachActivated(list, network, func(a *activated, z sized, got, postfix, _ *activations) {
		plot.Add(fmt.Sprintf("start with %d services", z.services), report.Bar{Label: a.rival.Name, Value: ratio(got.start, postfix.start), Ours: a.rival.Ours})
	})
	b.eachActivated(list, network, func(a *activated, z sized, got, postfix, few *activations) {
		further := b.furtherMemory(z, got, few)
		plot.Add(fmt.Sprintf("reload of one of %d services", z.services), report.Bar{Label: a.rival.Name, Value: ratio(got.reload, postfix.reload), Ours: a.rival.Ours})
		t.Rows = append(t.Rows, []string{
			a.rival.Name, fmt.Sprint(z.services),
			millis(got.start).Range(), report.Summarize(report.Ratios(got.start, postfix.start)).String(),
			millis(got.reload).Range(), report.Summarize(report.Ratios(got.reload, postfix.reload)).String(), millis(got.reloadCPU).String(),
			fmt.Sprintf("%d of %d", got.kept, got.others), megabytes(got.rss), further.String(),
		})
	})
	t.Plot = plot.Plot
	return t
}

// millis is a figure of seconds, in milliseconds.
func millis(seconds []float64) report.Figure {
	list := make([]float64, len(seconds))
	for i := range seconds {
		list[i] = 1e3 * seconds[i]
	}
	return report.Summarize(list)
}
