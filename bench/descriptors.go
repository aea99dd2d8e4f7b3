// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"postloop/bench/measure"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

// crowded is a server with so many descriptors.
type crowded struct {
	rival   *rivals.Rival
	ballast int
	open    int // descriptors, counted
	series  series
	failed  bool
}

// fewDescriptors is what a small configuration comes to.
const fewDescriptors = 10

// descriptorClients is how many clients the workload has: enough that the
// server is never idle, few enough that none waits long.
const descriptorClients = 8

// descriptors measures what a command costs a server that has many
// descriptors open: ours and Postfix's as the listening sockets of as many
// services, the C limit as so many /dev/null.
func descriptors(ctx context.Context, b *bench) (*report.Section, error) {
	if err := b.build(); err != nil {
		return nil, err
	}
	var list []*crowded
	for _, r := range b.present() {
		if r.Ours || r.Name == rivals.PostfixName {
			list = append(list, &crowded{rival: r}, &crowded{rival: r, ballast: b.o.ballast - fewDescriptors})
		}
	}
	place := b.places()
	if len(place) == 0 {
		return nil, errors.New("there is no place to measure in")
	}
	for round := range b.rounds(func() bool { return crowdsAgree(list) }) {
		for _, c := range list {
			if c.failed {
				continue
			}
			if err := b.crowd(ctx, c, place[0]); err != nil {
				if err := b.without(ctx, c.rival, err); err != nil {
					return nil, err
				}
				c.failed = true
				continue
			}
			last := c.series[len(c.series)-1]
			b.roundf("descriptors", round, "%-24s %6d open: %6.0f/s %5.0f us", c.rival.Name, c.open, last.rate, last.cpu)
		}
	}
	return b.descriptorsSection(list, place[0]), nil
}

func (b *bench) crowd(ctx context.Context, c *crowded, p place) error {
	service, err := b.service(b.command, spawnerLimit, c.ballast)
	if err != nil {
		return err
	}
	srv, err := b.started(ctx, c.rival, service, p)
	if err != nil {
		return err
	}
	c.open = measure.Descriptors(srv.Pid)
	one, err := b.measure(ctx, srv, descriptorClients, b.connections(service, descriptorClients))
	if err == nil {
		c.series = append(c.series, one)
	}
	return errors.Join(err, srv.Stop())
}

func (b *bench) descriptorsSection(list []*crowded, p place) *report.Section {
	t := report.Table{
		Title: fmt.Sprintf("%s, %d at once", p.mode, descriptorClients),
		Head:  []string{"server", "descriptors", "connections/s", "p99 us", "CPU us", "x its own with few"},
	}
	plot := report.Plot{
		Title: "descriptors, " + t.Title, Axis: "processor time of a command, as a multiple of that of the same server with few descriptors",
		Base: "with few", Better: "less",
	}
	sec := &report.Section{
		Title: "descriptors",
		Text: "The same command, started by a server that has many descriptors open. Those of the masters are the sockets of unix-domain services " +
			"in their master.cf, spawn like the one that is measured, which nobody uses; Postfix's has two more for each. Those of the C program are /dev/null. " + figuresText,
	}
	for i, c := range list {
		if len(c.series) == 0 {
			continue
		}
		few := list[i&^1].series
		plot.Add("", report.Bar{Label: fmt.Sprintf("%s, %d", c.rival.Name, c.open), Value: c.series.over(few, cpu), Ours: isOurs(c.rival)})
		if c.rival.Name == rivals.OursName && c.ballast > 0 {
			sec.Targets = append(sec.Targets, report.AtMost(fmt.Sprintf("processor time with %d descriptors open, beside its own with few", c.open), 1.15, "x",
				c.series.over(few, cpu)).Because("%s", kernels(c.series)))
		}
		t.Rows = append(t.Rows, []string{
			c.rival.Name, fmt.Sprint(c.open), c.series.of(rate).Range(), c.series.of(p99).String(),
			c.series.of(cpu).Range(), c.series.over(few, cpu).String(),
		})
	}
	t.Plot = &plot
	sec.Tables = []report.Table{t}
	return sec
}

// crowdsAgree reports whether the rounds agree about what many descriptors cost.
func crowdsAgree(list []*crowded) bool {
	for i, c := range list {
		if !narrow(c.series.over(list[i&^1].series, cpu)) {
			return false
		}
	}
	return true
}
