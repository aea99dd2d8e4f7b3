// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	osuser "os/user"
	"strconv"
	"strings"

	"postloop/bench/load"
	"postloop/bench/report"
	"postloop/bench/rivals"
	"postloop/services/lspawn/lspawntest"
)

// deliveryCounts are how many deliveries are under way at once. The last is what
// a qmail that was compiled without changes allows at the most (conf-spawn).
var deliveryCounts = []int{1, 10, 120}

// delivered is what one spawner has come to in the workload qmail-lspawn.
type delivered struct {
	rival   *rivals.Rival
	series  map[int]series // by deliveries under way
	rss     []float64
	started []float64 // seconds from its execution to its announcement
	command string
	failed  bool
}

// deliveries measures qmail-lspawn, as root: it has to become other users.
func deliveries(ctx context.Context, b *bench) (*report.Section, error) {
	list, err := b.lspawns()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	p := b.places()[0]
	for round := range b.rounds(func() bool { return true }) {
		for _, x := range list {
			if x.failed {
				continue
			}
			if err := b.deliver(ctx, x, p); err != nil {
				if err := b.without(ctx, x.rival, err); err != nil {
					return nil, err
				}
				x.failed = true
				continue
			}
			b.roundf("qmail-lspawn", round, "%s", x.progress())
		}
	}
	return b.deliveriesSection(list, p), nil
}

// lspawns are the spawners that can take part.
func (b *bench) lspawns() (list []*delivered, err error) {
	if !b.world.Root {
		b.sayf("without qmail-lspawn: needs root")
		return nil, nil
	}
	var d rivals.Deliveries
	if d.Limit, err = b.cc("cdeliver", "-static"); err != nil {
		return nil, err
	}
	if d.Local, err = b.freestanding("tiny"); err != nil {
		return nil, err
	}
	if d.Getpw, err = b.freestanding("getpw"); err != nil {
		return nil, err
	}
	u, err := osuser.Lookup(commandUser)
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	d.UID, d.GID = uid, gid
	for _, r := range b.world.Lspawns(d) {
		if r.Missing != "" {
			b.sayf("without %s: %s", r.Name, r.Missing)
			continue
		}
		list = append(list, &delivered{rival: r, series: map[int]series{}})
	}
	return list, nil
}

// deliver measures one spawner in one round.
func (b *bench) deliver(ctx context.Context, x *delivered, p place) error {
	srv, err := b.started(ctx, x.rival, &rivals.Service{Pipes: true}, p)
	if err != nil {
		return err
	}
	x.started = append(x.started, srv.Answered.Seconds())
	err = func() error {
		for _, n := range deliveryCounts {
			one, err := b.measure(ctx, srv, n, func(ctx context.Context, mark func()) (*load.Result, error) {
				d := load.Deliver{
					In: srv.In, Out: srv.Out, Clients: n, Warm: b.o.time / 4, Time: b.o.time, Mark: mark,
					Command: lspawntest.Command{Messid: "7/1", Sender: "sender@example.com", Recipient: rivals.DeliveryTo},
				}
				return d.Run(ctx)
			})
			if err != nil {
				return err
			}
			x.series[n] = append(x.series[n], one)
		}
		m, err := srv.Tree.Memory()
		x.rss = append(x.rss, float64(m.RSS))
		x.command = srv.Command()
		return err
	}()
	return errors.Join(err, srv.Stop())
}

// progress says what the last round has brought.
func (x *delivered) progress() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", x.rival.Name)
	for _, n := range deliveryCounts {
		list := x.series[n]
		last := list[len(list)-1]
		fmt.Fprintf(&b, "  %d: %6.0f/s %5.0f us, own %3.0f us", n, last.rate, last.cpu, last.own)
	}
	return b.String()
}

func (b *bench) deliveriesSection(list []*delivered, p place) *report.Section {
	sec := &report.Section{
		Title: "qmail-lspawn",
		Text: "Deliveries, of which so many are under way at once. The program that takes qmail-local's place is the static one of the workload spawner: " +
			"with a real one deliveries a second are bound by that. A user is in users/cdb, or is what a static program in qmail-getpw's place says, or is looked up in " +
			"passwd(5) by qmail-lspawn itself. The C program looks up nobody. Its own CPU is that of the spawner's process alone, without its children. " + figuresText,
	}
	for _, n := range deliveryCounts {
		t := report.Table{
			Title: fmt.Sprintf("%d under way: %s", n, places[p.mode]),
			Head:  []string{"spawner", "deliveries/s", "x C", "p50 us", "p99 us", "CPU us", "x C", "own CPU us", "x C"},
		}
		plot := newPlot("qmail-lspawn, "+t.Title, "the spawner's own processor time of a delivery", rivals.LspawnLimitName, len(list[0].series[n]) > 0, "less", own)
		t.Plot = plot.Plot
		for _, x := range list {
			got, limit := x.series[n], list[0].series[n]
			if len(got) == 0 {
				continue
			}
			plot.add("", x.rival, got, limit)
			t.Rows = append(t.Rows, []string{
				x.rival.Name, got.of(rate).Range(), got.over(limit, rate).String(), got.of(p50).String(), got.of(p99).String(),
				got.of(cpu).Range(), got.over(limit, cpu).String(), got.of(own).Range(), got.over(limit, own).String(),
			})
		}
		sec.Tables = append(sec.Tables, t)
	}
	t := report.Table{Title: "start, and memory afterwards", Head: []string{"spawner", "announces its limit after ms", "RSS MB"}}
	for _, x := range list {
		if len(x.rss) > 0 {
			t.Rows = append(t.Rows, []string{x.rival.Name, millis(x.started).Range(), megabytes(x.rss)})
		}
		sec.Commands = append(sec.Commands, b.commandFact(x.rival, x.command))
	}
	sec.Tables = append(sec.Tables, t)
	return sec
}
