// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postloop/bench/load"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

const (
	// openRate is how many lookups a second there are, whether they are answered
	// or not, openClients on how many connections, and openSlow how long each key
	// of the slow table takes.
	openRate    = 2000
	openClients = 64
	openSlow    = 200 * time.Millisecond
)

// proxymapOpen measures lookups that come at their time, without and with a slow
// table beside theirs.
func proxymapOpen(ctx context.Context, b *bench) (*report.Section, error) {
	p := b.places()[0]
	list, err := b.besideSlow(ctx, []place{p}, b.openWork())
	if err != nil {
		return nil, err
	}
	return b.openSection(list, p), nil
}

func (b *bench) openWork() *besideSlow {
	open := func(ctx context.Context, path string, mark func()) (*load.Result, error) {
		o := load.Open{
			Path: path, Clients: openClients, Rate: openRate, Hello: proxymapHello(),
			Ask: lookup("static:value", "key"), Want: found("value"), Warm: b.o.time / 2, Time: 2 * b.o.time, Mark: mark,
		}
		return o.Run(ctx)
	}
	return &besideSlow{
		workload: "proxymap-open", clients: openClients, after: openSlow, pairs: 1, load: open,
		with: func(ctx context.Context, t *slowTable, path string, mark func()) (*load.Result, error) {
			return t.beside(path, func() (*load.Result, error) { return open(ctx, path, mark) })
		},
	}
}

// beside runs a load while one client asks the slow table for a key, and for
// another when it has its answer, all the while. At least one must be answered.
func (t *slowTable) beside(path string, run func() (*load.Result, error)) (*load.Result, error) {
	conn, err := visitProxymap(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	over, ended, answers := make(chan struct{}), make(chan error, 1), 0
	go func() {
		for {
			if _, err := conn.Write(t.ask()); err != nil {
				ended <- err
				return
			}
			if err := read(conn, found("at last")); err != nil {
				ended <- fmt.Errorf("the slow key: %w", err)
				return
			}
			<-t.heard
			<-t.answered
			answers++
			select {
			case <-over:
				ended <- nil
				return
			default:
			}
		}
	}()
	r, err := run()
	close(over)
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	if answers == 0 {
		return nil, errors.New("the slow key was never answered")
	}
	return r, nil
}

func (b *bench) openSection(list []*slowed, p place) *report.Section {
	t := report.Table{
		Title: fmt.Sprintf("%d lookups a second, %v for a key of another table: %s", openRate, openSlow, places[p.mode]),
		Head:  []string{"server", "p50 us", "with the slow one", "p99 us", "with the slow one", "CPU us", "with the slow one"},
	}
	t.Plot = &report.Plot{
		Title: fmt.Sprintf("proxymap-open, %d lookups a second", openRate), Axis: "p99 in milliseconds, while a key of another table takes 200", Better: "less",
	}
	sec := &report.Section{
		Title: "proxymap-open",
		Text: fmt.Sprintf("An open loop: %d lookups of a static: table a second come when they are scheduled, whether those before have been answered or not, on %d connections that stay. "+
			"One that finds no connection free waits, and its time counts from when it was scheduled. Without anything else, and while another client asks a socketmap "+
			"server, which takes %v for each key, for one after the other. ", openRate, openClients, openSlow) + figuresText,
	}
	for _, s := range list {
		without, with := s.without[p.mode], s.with[p.mode]
		if len(without) == 0 {
			continue
		}
		t.Plot.Add("", report.Bar{Label: s.rival.Name, Value: with.of(func(s sample) float64 { return s.p99 / 1000 }), Ours: isOurs(s.rival)})
		t.Rows = append(t.Rows, []string{
			s.rival.Name, without.of(p50).String(), with.of(p50).String(), without.of(p99).Range(), with.of(p99).Range(), without.of(cpu).String(), with.of(cpu).String(),
		})
		if s.rival.Name == rivals.OursProxymapName {
			sec.Targets = append(sec.Targets, report.AtMost(fmt.Sprintf("p99 at %d lookups a second beside a table that takes %v", openRate, openSlow), 2000, "us", with.of(p99)).
				Because("without the slow table it is %s us", without.of(p99)))
		}
		sec.Commands = append(sec.Commands, b.commandFact(s.rival, s.command))
	}
	sec.Tables = []report.Table{t}
	return sec
}
