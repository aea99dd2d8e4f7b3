// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"postloop/bench/measure"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

// spawnerLimit is Postfix's default_process_limit.
const spawnerLimit = 100

// spawned is what one server has come to in the workload spawner.
type spawned struct {
	rival   *rivals.Rival
	series  map[string]map[int]series // by mode and clients
	rss     []float64                 // bytes, after the last load
	pss     []float64
	count   []float64 // of processes
	command string
	failed  bool // it takes no further part
}

// spawner measures a command per connection.
func spawner(ctx context.Context, b *bench) (*report.Section, error) {
	if err := b.build(); err != nil {
		return nil, err
	}
	var servers []*spawned
	for _, r := range b.present() {
		servers = append(servers, &spawned{rival: r, series: map[string]map[int]series{}})
	}
	if len(servers) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	places := b.places()
	for round := range b.rounds(func() bool { return spawnersAgree(servers) }) {
		for _, p := range places {
			for _, s := range servers {
				if s.failed {
					continue
				}
				if err := b.spawn(ctx, s, p); err != nil {
					if err := b.without(ctx, s.rival, err); err != nil {
						return nil, err
					}
					s.failed = true
					continue
				}
				b.roundf("spawner "+p.mode, round, "%s", s.progress(p.mode, b.o.clients))
			}
		}
	}
	return b.spawnerSection(servers, places), nil
}

// spawn measures one server, with any number of clients, in one round.
func (b *bench) spawn(ctx context.Context, s *spawned, p place) error {
	service, err := b.service(b.command, spawnerLimit, 0)
	if err != nil {
		return err
	}
	srv, err := b.started(ctx, s.rival, service, p)
	if err != nil {
		return err
	}
	if s.series[p.mode] == nil {
		s.series[p.mode] = map[int]series{}
	}
	err = func() error {
		for _, n := range b.o.clients {
			one, err := b.measure(ctx, srv, n, b.connections(service, n))
			if err != nil {
				return err
			}
			s.series[p.mode][n] = append(s.series[p.mode][n], one)
		}
		m, err := srv.Tree.Memory(append(s.rival.Helpers, b.command[0])...)
		s.rss = append(s.rss, float64(m.RSS))
		s.pss = append(s.pss, float64(m.PSS))
		s.count = append(s.count, float64(m.Processes))
		s.command = srv.Command()
		return err
	}()
	return errors.Join(err, srv.Stop())
}

// started starts a server where p says, and takes this process to where its
// load runs.
func (b *bench) started(ctx context.Context, r *rivals.Rival, s *rivals.Service, p place) (*rivals.Server, error) {
	if err := measure.Settle(p.load); err != nil {
		return nil, err
	}
	return b.world.Start(ctx, r, s, p.server)
}

// progress says what the last round has brought.
func (s *spawned) progress(mode string, clients []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", s.rival.Name)
	for _, n := range clients {
		list := s.series[mode][n]
		last := list[len(list)-1]
		fmt.Fprintf(&b, "  %d: %6.0f/s %5.0f us", n, last.rate, last.cpu)
	}
	return b.String()
}

func (b *bench) spawnerSection(servers []*spawned, places []place) *report.Section {
	sec := &report.Section{
		Title: "spawner",
		Text: "A command per connection: connect, read a line, close. The command is a static program without a C library that writes " +
			"the line and exits. " + figuresText,
	}
	for _, p := range places {
		for _, n := range b.o.clients {
			sec.Tables = append(sec.Tables, spawnerTable(servers, p.mode, n))
		}
	}
	sec.Tables = append(sec.Tables, memoryTable(servers))
	sec.Targets = b.spawnerTargets(servers)
	for _, s := range servers {
		sec.Commands = append(sec.Commands, b.commandFact(s.rival, s.command))
	}
	return sec
}

// commandFact says how a server was started.
func (b *bench) commandFact(r *rivals.Rival, command string) report.Fact {
	name := r.Name + " (" + r.Is
	if r.Version != "" {
		name += " " + r.Version
	}
	return report.Fact{Name: name + ")", Value: b.anonymous(command)}
}

// anonymous takes out of a text what differs between machines and means
// nothing.
func (b *bench) anonymous(text string) string {
	text = strings.ReplaceAll(text, b.dir, "BUILT")
	if self, err := os.Executable(); err == nil {
		text = strings.ReplaceAll(text, self, "bin/bench")
	}
	text = strings.ReplaceAll(text, b.world.Private, ".rivals")
	return strings.ReplaceAll(text, b.world.Bin, "bin")
}

// seriesOf is what the server of that name has come to; nothing if it took no
// part.
func seriesOf(servers []*spawned, name, mode string, clients int) series {
	for _, s := range servers {
		if s.rival.Name == name {
			return s.series[mode][clients]
		}
	}
	return nil
}

var places = map[string]string{
	"pin":  "server on one processor, load on another",
	"free": "server and load on both processors",
}

// spawnersAgree reports whether the rounds agree about what the servers cost, and
// about how many connections ours takes beside Postfix.
func spawnersAgree(servers []*spawned) bool {
	for _, s := range servers {
		for mode, by := range s.series {
			for n, list := range by {
				if !narrow(list.of(cpu)) || s.rival.Name == rivals.OursName && !narrow(list.over(seriesOf(servers, rivals.PostfixName, mode, n), rate)) {
					return false
				}
			}
		}
	}
	return true
}

// spawnerTargets are what is to be reached with a command per connection.
func (b *bench) spawnerTargets(servers []*spawned) (list []report.Target) {
	of := func(name, mode string, clients int) series { return seriesOf(servers, name, mode, clients) }
	const most = 64
	for _, mode := range []struct {
		name      string
		xPostfix  float64
		described string
	}{{"pin", 3.5, "one processor"}, {"free", 3, "two processors"}} {
		ours, limit := of(rivals.OursName, mode.name, most), of(rivals.LimitName, mode.name, most)
		for _, other := range []struct {
			name  string
			least float64
		}{{rivals.PostfixName, mode.xPostfix}, {rivals.TCPServerName, 1.5}} {
			them := of(other.name, mode.name, most)
			list = append(list, report.AtLeast(fmt.Sprintf("connections/s with %d clients on %s, beside %s", most, mode.described, other.name),
				other.least, "x", ours.over(them, rate)).Because("the C limit reaches %s x; %s", limit.over(them, rate), kernels(ours)))
		}
	}
	ours, limit := of(rivals.OursName, "pin", most), of(rivals.LimitName, "pin", most)
	one, eight := of(rivals.OursName, "pin", 1), of(rivals.OursName, "pin", 8)
	postfix, spawn := of(rivals.PostfixName, "pin", most), of(rivals.OursSpawnName, "pin", most)
	return append(list,
		report.AtMost("processor time with 64 clients, beside the C limit", 1.25, "x", ours.over(limit, cpu)).Because("%s", kernels(ours)),
		report.AtMost("p50 of one client, beside Postfix", 0.45, "x", one.over(of(rivals.PostfixName, "pin", 1), p50)).
			Because("the C limit reaches %s x", of(rivals.LimitName, "pin", 1).over(of(rivals.PostfixName, "pin", 1), p50)),
		report.AtMost("p99 with 8 clients", 2000, "us", eight.of(p99)).Because("the C limit reaches %s us", of(rivals.LimitName, "pin", 8).of(p99)),
		report.AtLeast("our spawn below Postfix's master, connections/s beside Postfix", 1, "x", spawn.over(postfix, rate)).Because("%s", kernels(spawn)),
		report.AtMost("our spawn below Postfix's master, processor time beside Postfix", 1, "x", spawn.over(postfix, cpu)).Because("%s", kernels(spawn)),
	)
}

func spawnerTable(servers []*spawned, mode string, clients int) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("%s, %d at once: %s", mode, clients, places[mode]),
		Head:  []string{"server", "connections/s", "x Postfix", "x tcpserver", "p50 us", "p50 x Postfix", "p99 us", "CPU us", "of it user", "x C limit"},
	}
	postfix := seriesOf(servers, rivals.PostfixName, mode, clients)
	limit := seriesOf(servers, rivals.LimitName, mode, clients)
	tcpserver := seriesOf(servers, rivals.TCPServerName, mode, clients)
	plot := newPlot("spawner, "+t.Title, "connections a second", rivals.PostfixName, len(postfix) > 0, "more", rate)
	for _, s := range servers {
		list := s.series[mode][clients]
		if len(list) == 0 {
			continue
		}
		plot.add("", s.rival, list, postfix)
		t.Rows = append(t.Rows, []string{
			s.rival.Name,
			list.of(rate).Range(), list.over(postfix, rate).String(), list.over(tcpserver, rate).String(),
			list.of(p50).String(), list.over(postfix, p50).String(), list.of(p99).String(),
			list.of(cpu).Range(), report.Digits(list.of(user).Mid), list.over(limit, cpu).String(),
		})
	}
	t.Plot = plot.Plot
	return t
}

// figuresText is what has to be known about every table.
const figuresText = "Of each figure the median of the rounds, in parentheses the quartiles; " +
	"where these are more than a tenth of the median apart there is no figure, but only the interval."

func memoryTable(servers []*spawned) report.Table {
	plot := report.Plot{Title: "spawner, memory after the last load", Axis: "MB resident (PSS), commands not counted", Better: "less"}
	t := report.Table{
		Title: "memory after the last load, commands not counted",
		Head:  []string{"server", "processes", "RSS MB", "PSS MB", "becomes another user"},
	}
	for _, s := range servers {
		plot.Add("", report.Bar{Label: s.rival.Name, Value: inMegabytes(s.pss), Ours: isOurs(s.rival)})
		t.Rows = append(t.Rows, []string{
			s.rival.Name, fmt.Sprintf("%.0f", report.Summarize(s.count).Mid), megabytes(s.rss), megabytes(s.pss), s.rival.User,
		})
	}
	t.Plot = &plot
	return t
}

func megabytes(bytes []float64) string { return inMegabytes(bytes).String() }

func inMegabytes(bytes []float64) report.Figure {
	list := make([]float64, len(bytes))
	for i := range bytes {
		list[i] = bytes[i] / 1e6
	}
	return report.Summarize(list)
}
