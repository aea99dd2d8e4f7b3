// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"postloop/bench/load"
	"postloop/bench/measure"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

// holder is what one server has come to in the workload held.
type holder struct {
	rival         *rivals.Rival
	before, after []measure.Memory // with no connection yet, and with all of them
	took          []float64        // seconds until all were served
	open          [3]int           // descriptors of the first process: before, with all of them, when all have gone
	command       string
	failed        bool
}

// heldRounds is how often it is done at the most: memory hardly varies.
const heldRounds = 3

// held measures what connections cost that stay: each with a cat of its own,
// which is not counted.
func held(ctx context.Context, b *bench) (*report.Section, error) {
	cat, err := filepath.EvalSymlinks("/bin/cat")
	if err != nil {
		return nil, err
	}
	var list []*holder
	for _, r := range b.present() {
		if r.Name != rivals.LimitName {
			list = append(list, &holder{rival: r})
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	for round := range b.rounds(func() bool { return true }) {
		if round == heldRounds {
			break
		}
		for _, h := range list {
			if h.failed {
				continue
			}
			if err := b.hold(ctx, h, cat); err != nil {
				if err := b.without(ctx, h.rival, fmt.Errorf("%s: %w", h.rival.Name, err)); err != nil {
					return nil, err
				}
				h.failed = true
				continue
			}
			last := h.after[len(h.after)-1]
			b.roundf("held", round, "%-24s %d connections in %.1f s: %d processes, %.1f MB RSS, %.1f MB PSS",
				h.rival.Name, b.o.held, h.took[len(h.took)-1], last.Processes, float64(last.RSS)/1e6, float64(last.PSS)/1e6)
		}
	}
	return b.heldSection(list), nil
}

// hold has one server hold the connections, once.
func (b *bench) hold(ctx context.Context, h *holder, cat string) error {
	service, err := b.service([]string{cat}, 0, 0)
	if err != nil {
		return err
	}
	srv, err := b.started(ctx, h.rival, service, place{"free", b.cpus, b.cpus})
	if err != nil {
		return err
	}
	return errors.Join(b.holdOn(ctx, h, srv, service, cat), srv.Stop())
}

func (b *bench) holdOn(ctx context.Context, h *holder, srv *rivals.Server, s *rivals.Service, cat string) error {
	helpers := append([]string{cat}, h.rival.Helpers...)
	// One before all, which loads what only comes into memory with the first.
	first, err := load.Hold(ctx, s.Addr, 1)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, srv.Output())
	}
	if err := first.Close(); err != nil {
		return err
	}
	if err := until(ctx, "the first command has ended", func() bool { return !runs(srv, cat) }); err != nil {
		return err
	}
	before, err := srv.Tree.Memory(helpers...)
	if err != nil {
		return err
	}
	if h.open[0], err = settled(ctx, srv.Pid); err != nil {
		return err
	}

	all, err := load.Hold(ctx, s.Addr, b.o.held)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, srv.Output())
	}
	// Once more, now that all are there.
	if _, err := all.Echo("all here\n"); err != nil {
		return errors.Join(err, all.Close())
	}
	after, err := srv.Tree.Memory(helpers...)
	h.open[1] = measure.Descriptors(srv.Pid)
	if err = errors.Join(err, all.Close()); err != nil {
		return err
	}
	if err := until(ctx, "all commands have ended", func() bool { return !runs(srv, cat) }); err != nil {
		return err
	}
	if h.rival.Ours {
		err = until(ctx, "the server has as many descriptors as before", func() bool { return measure.Descriptors(srv.Pid) <= h.open[0] })
	}
	last, settleErr := settled(ctx, srv.Pid)
	err = errors.Join(err, settleErr)
	h.open[2] = last
	h.before, h.after = append(h.before, before), append(h.after, after)
	h.took = append(h.took, all.Took.Seconds())
	h.command = srv.Command()
	return err
}

// runs reports whether the server has a process with that executable.
func runs(srv *rivals.Server, exe string) bool { return srv.Tree.Runs(exe) > 0 }

// settled is how many descriptors a process has once their number no longer
// changes: it may not have got to closing those of the last command.
func settled(ctx context.Context, pid int) (n int, err error) {
	return settledAt(ctx, "the number of descriptors no longer changes", func() int { return measure.Descriptors(pid) })
}

// settledAt is a number once it no longer changes.
func settledAt(ctx context.Context, what string, number func() int) (n int, err error) {
	same := 0
	err = until(ctx, what, func() bool {
		now := number()
		if same++; now != n {
			n, same = now, 0
		}
		return same == 10
	})
	return n, err
}

// patience is how long a condition may take.
const patience = 30 * time.Second

// until waits for a condition that announces itself by nothing.
func until(ctx context.Context, what string, cond func() bool) error {
	for end := time.Now().Add(patience); !cond(); _, _ = unix.Poll(nil, 5) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v still not: %s", patience, what)
		}
	}
	return nil
}

func (b *bench) heldSection(list []*holder) *report.Section {
	t := report.Table{
		Title: fmt.Sprintf("%d connections, commands not counted", b.o.held),
		Head: []string{
			"server", "processes", "RSS MB", "PSS MB", "PSS MB before", "PSS kB per connection", "descriptors before, with, after", "served within s",
		},
	}
	plot := report.Plot{Title: "held, " + t.Title, Axis: "MB resident (RSS) with all connections", Better: "less"}
	var targets []report.Target
	var commands []report.Fact
	for _, h := range list {
		if len(h.after) == 0 {
			continue
		}
		rss := memoryOf(h.after, func(m measure.Memory) float64 { return float64(m.RSS) / 1e6 })
		plot.Add("", report.Bar{Label: h.rival.Name, Value: rss, Ours: isOurs(h.rival)})
		if h.rival.Name == rivals.OursName {
			targets = append(targets, report.AtMost(fmt.Sprintf("resident memory with %d connections", b.o.held), 8, "MB", rss).
				Because("it grows by %s kB with a connection", h.each(b.o.held)))
		}
		t.Rows = append(t.Rows, []string{
			h.rival.Name,
			fmt.Sprint(h.after[len(h.after)-1].Processes),
			rss.String(),
			memoryOf(h.after, func(m measure.Memory) float64 { return float64(m.PSS) / 1e6 }).String(),
			memoryOf(h.before, func(m measure.Memory) float64 { return float64(m.PSS) / 1e6 }).String(),
			h.each(b.o.held).String(),
			fmt.Sprintf("%d, %d, %d", h.open[0], h.open[1], h.open[2]),
			report.Summarize(h.took).String(),
		})
		commands = append(commands, b.commandFact(h.rival, h.command))
	}
	t.Plot = &plot
	return &report.Section{
		Title:   "held",
		Targets: targets,
		Text: "Connections that stay open, each served by a /bin/cat that has echoed a line. What is counted is the manager's side: all processes of the server " +
			"but the cats. Descriptors are those of the first process, after a first connection, with all of them, and when all have gone. " +
			"The connections come one after the other. What the kernel has for sockets and processes is not counted. " + figuresText,
		Tables:   []report.Table{t},
		Commands: commands,
	}
}

func memoryOf(list []measure.Memory, f func(measure.Memory) float64) report.Figure {
	values := make([]float64, len(list))
	for i, m := range list {
		values[i] = f(m)
	}
	return report.Summarize(values)
}

// each is what one connection costs, in kB.
func (h *holder) each(connections int) report.Figure {
	values := make([]float64, len(h.after))
	for i := range values {
		values[i] = float64(h.after[i].PSS-h.before[i].PSS) / 1e3 / float64(connections)
	}
	return report.Summarize(values)
}
