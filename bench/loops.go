// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postloop/bench/load"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

// echoSize is how long a message is that is sent back, and echoCounts on how
// many connections at once.
const echoSize = 64

var echoCounts = []int{1, 64, 1000}

// looped is what one event loop has come to in the workload loop.
type looped struct {
	rival   *rivals.Rival
	series  map[string]map[int]series // by network and connections
	command string
	failed  bool
}

// loops measures event loops by the messages that they send back.
func loops(ctx context.Context, b *bench) (*report.Section, error) {
	limit, err := b.cc("cecho", "-static")
	if err != nil {
		return nil, err
	}
	all, err := b.world.Echoes(limit)
	if err != nil {
		return nil, err
	}
	var list []*looped
	for _, r := range all {
		if r.Name == rivals.EchoLimitName || r.Ours || b.o.wantsServer(r.Name) {
			list = append(list, &looped{rival: r, series: map[string]map[int]series{}})
		}
	}
	p := b.places()[0] // pinned, where there are processors enough: one thread each is what is compared
	for round := range b.rounds(func() bool { return loopsAgree(list) }) {
		for _, network := range echoNetworks {
			for _, l := range list {
				if l.failed {
					continue
				}
				if err := b.echo(ctx, l, network, p); err != nil {
					if err := b.without(ctx, l.rival, err); err != nil {
						return nil, err
					}
					l.failed = true
					continue
				}
				b.roundf("loop "+network, round, "%s", l.progress(network))
			}
		}
	}
	return b.loopsSection(list, p), nil
}

var echoNetworks = []string{"tcp", "unix"}

// echo measures one loop, with any number of connections, in one round.
func (b *bench) echo(ctx context.Context, l *looped, network string, p place) error {
	s := &rivals.Service{}
	if network == "unix" {
		b.sockets++
		s.Path = fmt.Sprintf("%s/echo%d", b.dir, b.sockets)
	} else {
		var err error
		if s.Addr, err = rivals.FreeAddr(); err != nil {
			return err
		}
	}
	srv, err := b.started(ctx, l.rival, s, p)
	if err != nil {
		return err
	}
	if l.series[network] == nil {
		l.series[network] = map[int]series{}
	}
	err = func() error {
		for _, n := range echoCounts {
			one, err := b.measure(ctx, srv, n, func(ctx context.Context, mark func()) (*load.Result, error) {
				e := load.Echo{Addr: s.Addr, Path: s.Path, Clients: n, Size: echoSize, Warm: b.o.time / 4, Time: b.o.time, Mark: mark}
				return e.Run(ctx)
			})
			if err != nil {
				return err
			}
			l.series[network][n] = append(l.series[network][n], one)
		}
		l.command = srv.Command()
		return nil
	}()
	return errors.Join(err, srv.Stop())
}

// progress says what the last round has brought.
func (l *looped) progress(network string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s", l.rival.Name)
	for _, n := range echoCounts {
		list := l.series[network][n]
		last := list[len(list)-1]
		fmt.Fprintf(&b, "  %d: %6.0f/s %5.2f us", n, last.rate, last.cpu)
	}
	return b.String()
}

func (b *bench) loopsSection(list []*looped, p place) *report.Section {
	sec := &report.Section{
		Title: "loop",
		Text: fmt.Sprintf("A message of %d bytes is sent back, again and again, on connections that stay open; each server has one thread for it. ", echoSize) +
			"Where the load is as busy as the server, as with many connections, what a message costs (CPU us) says more than how many there are. " + figuresText,
	}
	for _, network := range echoNetworks {
		for _, n := range echoCounts {
			t := report.Table{
				Title: fmt.Sprintf("%s, %d connections: %s", network, n, places[p.mode]),
				Head:  []string{"loop", "messages/s", "x C epoll", "p50 us", "p99 us", "CPU us", "of it user", "CPU x C epoll"},
			}
			limit := list[0].series[network][n]
			plot := newPlot("loop, "+t.Title, "messages a second", rivals.EchoLimitName, len(limit) > 0, "more", rate)
			for _, l := range list {
				got := l.series[network][n]
				if len(got) == 0 {
					continue
				}
				plot.add("", l.rival, got, limit)
				t.Rows = append(t.Rows, []string{
					l.rival.Name,
					got.of(rate).Range(), got.over(limit, rate).String(),
					got.of(p50).String(), got.of(p99).String(),
					got.of(cpu).Range(), report.Digits(got.of(user).Mid), got.over(limit, cpu).String(),
				})
			}
			t.Plot = plot.Plot
			sec.Tables = append(sec.Tables, t)
		}
	}
	sec.Targets = loopTargets(list)
	for _, l := range list {
		sec.Commands = append(sec.Commands, b.commandFact(l.rival, l.command))
	}
	return sec
}

// loopsAgree reports whether the rounds agree about ours beside C.
func loopsAgree(list []*looped) bool {
	for _, l := range list {
		for network, by := range l.series {
			for n, got := range by {
				if l.rival.Ours && !narrow(got.over(list[0].series[network][n], rate)) {
					return false
				}
			}
		}
	}
	return true
}

// loopTargets are what is to be reached with 1,000 connections, and for the
// slowest messages with any number.
func loopTargets(list []*looped) (targets []report.Target) {
	of := func(name, network string, n int) series {
		for _, l := range list {
			if l.rival.Name == name {
				return l.series[network][n]
			}
		}
		return nil
	}
	const many = 1000
	for _, network := range echoNetworks {
		ours := of(rivals.OursEchoName, network, many)
		for _, other := range []struct {
			name  string
			least float64
		}{{rivals.EchoLimitName, 0.9}, {"gnet", 1.15}, {"evio", 1.6}, {"Go net", 1.3}} {
			targets = append(targets, report.AtLeast(fmt.Sprintf("%s, %d connections, messages/s beside %s", network, many, other.name), other.least, "x",
				ours.over(of(other.name, network, many), rate)).Because("%s; C reaches %s x", kernels(ours), of(rivals.EchoLimitName, network, many).over(of(other.name, network, many), rate)))
		}
		for _, n := range echoCounts {
			ours, others := of(rivals.OursEchoName, network, n), []series{}
			for _, l := range list {
				if l.rival.Name != rivals.OursEchoName {
					others = append(others, l.series[network][n])
				}
			}
			targets = append(targets, report.AtMost(fmt.Sprintf("%s, %d connections, p99 beside the best of the others", network, n), 1, "x", ours.overBest(others, p99)).
				Because("C beside us: %s x", of(rivals.EchoLimitName, network, n).over(ours, p99)))
		}
	}
	return targets
}
