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
	for _, p := range places {
		for round := range b.o.rounds {
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
				b.sayf("%s round %d of %d: %s", p.mode, round+1, b.o.rounds, s.progress(p.mode, b.o.clients))
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

func spawnerTable(servers []*spawned, mode string, clients int) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("%s, %d at once: %s", mode, clients, places[mode]),
		Head:  []string{"server", "connections/s", "x Postfix", "p50 us", "p99 us", "CPU us", "of it user", "x C limit"},
	}
	postfix := seriesOf(servers, rivals.PostfixName, mode, clients)
	limit := seriesOf(servers, rivals.LimitName, mode, clients)
	for _, s := range servers {
		list := s.series[mode][clients]
		if len(list) == 0 {
			continue
		}
		t.Rows = append(t.Rows, []string{
			s.rival.Name,
			list.of(rate).Range(), list.over(postfix, rate).String(),
			list.of(p50).String(), list.of(p99).String(),
			list.of(cpu).Range(), report.Digits(list.of(user).Mid), list.over(limit, cpu).String(),
		})
	}
	return t
}

// figuresText is what has to be known about every table.
const figuresText = "Of each figure the median of the rounds, in parentheses the quartiles; " +
	"~ marks one whose middle half is spread over more than a tenth of the median: not to be relied on."

func memoryTable(servers []*spawned) report.Table {
	t := report.Table{
		Title: "memory after the last load, commands not counted",
		Head:  []string{"server", "processes", "RSS MB", "PSS MB", "becomes another user"},
	}
	for _, s := range servers {
		t.Rows = append(t.Rows, []string{
			s.rival.Name, fmt.Sprintf("%.0f", report.Summarize(s.count).Mid), megabytes(s.rss), megabytes(s.pss), s.rival.User,
		})
	}
	return t
}

func megabytes(bytes []float64) string {
	list := make([]float64, len(bytes))
	for i := range bytes {
		list[i] = bytes[i] / 1e6
	}
	return report.Summarize(list).String()
}
