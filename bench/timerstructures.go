// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"postloop/bench/measure"
	"postloop/bench/report"
	"postloop/bench/timers"
)

// timersArg is what this program is called with to measure timers: timersArg,
// their kind, how many are set, and for how many seconds.
const timersArg = "timers"

// timerCounts are how many timers are set at once.
var timerCounts = []int{1000, 100_000, 1_000_000}

// oursTimers are the timers of our loop, libeventTimers those that others are
// compared with.
const (
	oursTimers     = "postloop"
	libeventTimers = "libevent"
)

// clocked is one kind of timers, and what it has come to.
type clocked struct {
	name, is string
	argv     []string // number and seconds follow
	costs    map[int][]timers.Cost
	failed   bool
}

// serveTimers is the whole program where it was started to measure timers.
func serveTimers() {
	if len(os.Args) != 5 || os.Args[1] != timersArg {
		return
	}
	n, err := strconv.Atoi(os.Args[3])
	seconds, secondsErr := strconv.ParseFloat(os.Args[4], 64)
	if err = errors.Join(err, secondsErr); err == nil {
		var c timers.Cost
		if c, err = timers.Measure(os.Args[2], n, time.Duration(seconds*float64(time.Second))); err == nil {
			fmt.Print(c)
			os.Exit(0)
		}
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	os.Exit(1)
}

// timerStructures measures timers, each kind in a process of its own.
func timerStructures(ctx context.Context, b *bench) (*report.Section, error) {
	list, err := b.timerKinds()
	if err != nil {
		return nil, err
	}
	agree := func() bool { return narrow(costOf(list, oursTimers, timerCounts[len(timerCounts)-1], setCost)) }
	for round := range b.rounds(agree) {
		for _, x := range list {
			if x.failed {
				continue
			}
			for _, n := range timerCounts {
				if err := b.clockOne(ctx, x, n); err != nil {
					if ctx.Err() != nil {
						return nil, err
					}
					b.sayf("without the timers of %s from here on: %v", x.name, err)
					b.failed = append(b.failed, err.Error())
					x.failed = true
					break
				}
			}
			if !x.failed {
				b.roundf("timers", round, "%s", x.progress())
			}
		}
	}
	return b.timersSection(list), nil
}

// timerKinds are the kinds that can be measured.
func (b *bench) timerKinds() ([]*clocked, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	sorted, err := b.cc("tlist")
	if err != nil {
		return nil, err
	}
	var list []*clocked
	add := func(name, is string, argv ...string) {
		list = append(list, &clocked{name: name, is: is, argv: argv, costs: map[int][]timers.Cost{}})
	}
	heap, err := b.libevent()
	if err != nil {
		b.sayf("without libevent's timers: no libevent here; make bench-rivals fetches it: %v", err)
	} else {
		add(libeventTimers, "testdata/tlibevent.c", heap)
	}
	add(oursTimers, timers.Kinds[oursTimers], self, timersArg, oursTimers)
	add("Go runtime", timers.Kinds["Go runtime"], self, timersArg, "Go runtime")
	add("sorted list", "testdata/tlist.c, as Postfix's", sorted)
	return list, nil
}

// libevent compiles the program for it, with what the system has or make
// bench-rivals has fetched.
func (b *bench) libevent() (string, error) {
	flags := []string{"-I" + b.world.Private + "/usr/include"}
	archives, err := filepath.Glob(b.world.Private + "/usr/lib/*/libevent_core.a")
	if err != nil {
		return "", err
	}
	for _, a := range archives {
		flags = append(flags, "-L"+filepath.Dir(a))
	}
	// Libraries come after what needs them.
	return b.ccWith("tlibevent", []string{"-l:libevent_core.a"}, flags...)
}

// clockOne measures one kind with so many, once.
func (b *bench) clockOne(ctx context.Context, x *clocked, n int) error {
	argv := append(slices.Clone(x.argv), strconv.Itoa(n), strconv.FormatFloat((b.o.time/5).Seconds(), 'f', -1, 64))
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := measure.StartOn(b.cpus[:1], c.Start); err != nil {
		return err
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%d timers of %s: %w\n%s", n, x.name, err, said.String())
	}
	cost, err := timers.Parse(out.String())
	if err != nil {
		return fmt.Errorf("%d timers of %s: %w", n, x.name, err)
	}
	x.costs[n] = append(x.costs[n], cost)
	return nil
}

// progress says what the last round has brought.
func (x *clocked) progress() string {
	s := fmt.Sprintf("%-12s", x.name)
	for _, n := range timerCounts {
		last := x.costs[n][len(x.costs[n])-1]
		s += fmt.Sprintf("  %d: set %s reset %s fire %s ns", n, report.Digits(last.Set), report.Digits(last.Reset), report.Digits(last.Fire))
	}
	return s
}

func setCost(c timers.Cost) float64   { return c.Set }
func resetCost(c timers.Cost) float64 { return c.Reset }
func fireCost(c timers.Cost) float64  { return c.Fire }

// costsOf are those of a kind with so many.
func costsOf(list []*clocked, name string, n int, f func(timers.Cost) float64) (values []float64) {
	for _, x := range list {
		if x.name == name {
			for _, c := range x.costs[n] {
				values = append(values, f(c))
			}
		}
	}
	return values
}

func costOf(list []*clocked, name string, n int, f func(timers.Cost) float64) report.Figure {
	return report.Summarize(costsOf(list, name, n, f))
}

func (b *bench) timersSection(list []*clocked) *report.Section {
	sec := &report.Section{
		Title: "timers",
		Text: "What a timer costs, in nanoseconds, when so many are set: to set and to cancel one more, to move any of them to any other time, and to fire all when they are due, " +
			"for each. Nothing waits: it is the structure that is compared. The sorted list looks for a timer from its beginning, as that of Postfix's events does. " +
			"An allocation is a timer's own; libevent's timers and ours are part of what owns them. " + figuresText,
	}
	for _, n := range timerCounts {
		t := report.Table{
			Title: fmt.Sprintf("%d timers", n),
			Head:  []string{"timers", "set and cancel ns", "allocations", "x " + libeventTimers, "move ns", "x " + libeventTimers, "fire ns", "x " + libeventTimers},
			Plot:  &report.Plot{Title: fmt.Sprintf("timers, %d set", n), Axis: "processor time", Better: "less"},
		}
		libevent := len(costsOf(list, libeventTimers, n, setCost)) > 0
		if libevent {
			t.Plot.Axis, t.Plot.Base = t.Plot.Axis+", as a multiple of that of "+libeventTimers, libeventTimers
		} else {
			t.Plot.Axis += " in nanoseconds"
		}
		for _, what := range []struct {
			name string
			of   func(timers.Cost) float64
		}{{"set and cancel", setCost}, {"move", resetCost}, {"fire", fireCost}} {
			for _, x := range list {
				value := costOf(list, x.name, n, what.of)
				if libevent {
					value = report.Summarize(report.Ratios(costsOf(list, x.name, n, what.of), costsOf(list, libeventTimers, n, what.of)))
				}
				t.Plot.Add(what.name, report.Bar{Label: x.name, Value: value, Ours: x.name == oursTimers})
			}
		}
		for _, x := range list {
			if len(x.costs[n]) == 0 {
				continue
			}
			row := []string{x.name}
			for i, f := range []func(timers.Cost) float64{setCost, resetCost, fireCost} {
				these := costsOf(list, x.name, n, f)
				row = append(row, report.Summarize(these).Range())
				if i == 0 {
					row = append(row, costOf(list, x.name, n, func(c timers.Cost) float64 { return c.Allocs }).String())
				}
				row = append(row, report.Summarize(report.Ratios(these, costsOf(list, libeventTimers, n, f))).String())
			}
			t.Rows = append(t.Rows, row)
		}
		sec.Tables = append(sec.Tables, t)
	}
	most := timerCounts[len(timerCounts)-1]
	sec.Targets = []report.Target{
		report.AtMost(fmt.Sprintf("set and cancel with %d set", most), 25, "ns", costOf(list, oursTimers, most, setCost)).
			Because("libevent takes %s ns", costOf(list, libeventTimers, most, setCost)),
		report.AtMost("allocations of that", 0.001, "", costOf(list, oursTimers, most, func(c timers.Cost) float64 { return c.Allocs })).
			Because("the program around it makes some as well"),
	}
	for _, x := range list {
		sec.Commands = append(sec.Commands, report.Fact{Name: x.name + " (" + x.is + ")", Value: b.anonymous(strings.Join(x.argv, " ")) + " NUMBER SECONDS"})
	}
	return sec
}
