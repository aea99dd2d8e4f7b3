// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"postloop/bench/load"
	"postloop/bench/report"
	"postloop/bench/rivals"
	"postloop/services/attr"
)

const (
	// proxymapKeys is how many keys the tables have that are files.
	proxymapKeys = 10000
	// proxymapDepth is how many requests a client has under way, where it has
	// several.
	proxymapDepth = 8
	// proxymapVisitors is how many clients there are that connect for each
	// lookup.
	proxymapVisitors = 8
)

var proxymapClients = []int{1, 8, 64, 256}

// lookups are what is asked of a proxymap, and how.
type lookups struct {
	table   string // its type
	clients int
	depth   int  // requests of a client under way at once
	each    bool // a connection for each
}

// proxied is what one proxymap has come to in the workload proxymap.
type proxied struct {
	rival   *rivals.Rival
	series  map[lookups]series
	left    map[lookups]int // requests that were never answered
	command string
	failed  bool
}

// proxymap measures lookups.
func proxymap(ctx context.Context, b *bench) (*report.Section, error) {
	list := b.proxymaps()
	if len(list) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	tables, err := b.proxymapTables()
	if err != nil {
		return nil, err
	}
	p := b.places()[0]
	for round := range b.rounds(func() bool { return proxiedAgree(list) }) {
		for _, x := range list {
			if x.failed {
				continue
			}
			if err := b.proxy(ctx, x, tables, p); err != nil {
				if err := b.without(ctx, x.rival, err); err != nil {
					return nil, err
				}
				x.failed = true
				continue
			}
			b.roundf("proxymap", round, "%s", x.progress(tables[0].kind))
		}
	}
	return b.proxymapSection(list, tables, p), nil
}

// proxymaps are those that can take part and were asked for.
func (b *bench) proxymaps() (list []*proxied) {
	for _, r := range b.presentOf(b.world.Proxymaps()) {
		list = append(list, &proxied{rival: r, series: map[lookups]series{}, left: map[lookups]int{}})
	}
	return list
}

// proxymapTable is a table that is asked.
type proxymapTable struct {
	kind, ref  string
	key, value string
}

// proxymapTables makes the tables. Those that are indexed need Postfix's
// postmap.
func (b *bench) proxymapTables() ([]proxymapTable, error) {
	dir := b.dir + "/tables"
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	var text strings.Builder
	for i := range proxymapKeys {
		fmt.Fprintf(&text, "user%d@example.com  mailbox%d\n", i, i)
	}
	const key, value = "user5000@example.com", "mailbox5000"
	list := []proxymapTable{{"static", "static:value", key, "value"}}
	for _, kind := range []string{"texthash", "hash", "cdb"} {
		path := dir + "/" + kind
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			return nil, err
		}
		if kind != "texthash" {
			if said, err := exec.Command("postmap", kind+":"+path).CombinedOutput(); err != nil {
				b.sayf("without %s: postmap: %v: %s", kind, err, strings.TrimSpace(string(said)))
				continue
			}
		}
		list = append(list, proxymapTable{kind, kind + ":" + path, key, value})
	}
	// Postfix waits when it reads a file that is younger than two seconds.
	past := time.Now().Add(-time.Minute)
	files, err := os.ReadDir(dir)
	for _, f := range files {
		err = errors.Join(err, os.Chtimes(dir+"/"+f.Name(), past, past))
	}
	return list, err
}

// jobs are what is asked of a table. Several requests under way and a
// connection for each are tried with one only: they are not about tables.
func (t proxymapTable) jobs(last bool) (list []lookups) {
	for _, n := range proxymapClients {
		list = append(list, lookups{t.kind, n, 1, false})
	}
	if last {
		list = append(list, deepLookups(t.kind)...)
		list = append(list, eachLookup(t.kind))
	}
	return list
}

func deepLookups(kind string) (list []lookups) {
	for _, n := range []int{1, 8, 64} {
		list = append(list, lookups{kind, n, proxymapDepth, false})
	}
	return list
}

func eachLookup(kind string) lookups { return lookups{kind, proxymapVisitors, 1, true} }

// proxy measures one proxymap in one round.
func (b *bench) proxy(ctx context.Context, x *proxied, tables []proxymapTable, p place) error {
	service := &rivals.Service{}
	for _, t := range tables {
		service.Tables = append(service.Tables, t.ref)
	}
	srv, err := b.started(ctx, x.rival, service, p)
	if err != nil {
		return err
	}
	err = func() error {
		for i, t := range tables {
			for _, job := range t.jobs(i == len(tables)-1) {
				left := 0
				one, err := b.measure(ctx, srv, job.clients, func(ctx context.Context, mark func()) (*load.Result, error) {
					r, err := b.ask(ctx, service.Path, t, job, mark)
					if r != nil {
						left = r.Left
					}
					return r, err
				})
				if err != nil {
					return fmt.Errorf("%s, %d clients: %w", t.kind, job.clients, err)
				}
				x.series[job] = append(x.series[job], one)
				x.left[job] = max(x.left[job], left)
			}
		}
		x.command = srv.Command()
		return nil
	}()
	return errors.Join(err, srv.Stop())
}

// proxymapHello is what a proxymap says first.
func proxymapHello() []byte {
	return attr.Append(nil, attr.Attr{Name: "protocol", Value: "proxymap_protocol"})
}

// ask makes the load of a job.
func (b *bench) ask(ctx context.Context, path string, t proxymapTable, job lookups, mark func()) (*load.Result, error) {
	if job.each {
		c := load.Closed{
			Path: path, Clients: job.clients, Hello: proxymapHello(), Ask: lookup(t.ref, t.key), Want: found(t.value),
			Warm: b.o.time / 4, Time: b.o.time, Mark: mark,
		}
		return c.Run(ctx)
	}
	e := load.Echo{
		Path: path, Clients: job.clients, Depth: job.depth, Hello: proxymapHello(), Ask: lookup(t.ref, t.key), Want: found(t.value),
		Warm: b.o.time / 4, Time: b.o.time, Mark: mark,
	}
	return e.Run(ctx)
}

// progress says what the last round has brought for a table.
func (x *proxied) progress(kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %s", x.rival.Name, kind)
	for _, n := range proxymapClients {
		list := x.series[lookups{kind, n, 1, false}]
		last := list[len(list)-1]
		fmt.Fprintf(&b, "  %d: %6.0f/s %5.2f us", n, last.rate, last.cpu)
	}
	return b.String()
}

func (b *bench) proxymapSection(list []*proxied, tables []proxymapTable, p place) *report.Section {
	last := tables[len(tables)-1].kind
	sec := &report.Section{
		Title: "proxymap",
		Text: fmt.Sprintf("Clients ask a proxymap for a key, again and again, on connections that stay. The tables that are files have %d keys. ", proxymapKeys) +
			fmt.Sprintf("Then clients with %d requests under way, which send another for each answer, and in the end wait for those that are left; ", proxymapDepth) +
			"and clients that connect, read the greeting, ask once and close. Processor time is that of the master as well. " + figuresText,
	}
	for _, t := range tables {
		var jobs []lookups
		for _, n := range proxymapClients {
			jobs = append(jobs, lookups{t.kind, n, 1, false})
		}
		sec.Tables = append(sec.Tables, proxymapTableOf(fmt.Sprintf("%s: %s", t.kind, places[p.mode]), list, jobs, false))
	}
	sec.Tables = append(sec.Tables,
		proxymapTableOf(fmt.Sprintf("%s, %d requests of a client under way: %s", last, proxymapDepth, places[p.mode]), list, deepLookups(last), true),
		proxymapTableOf(fmt.Sprintf("%s, a connection for each lookup: %s", last, places[p.mode]), list, []lookups{eachLookup(last)}, false))
	sec.Targets = proxymapTargets(list, tables)
	for _, x := range list {
		sec.Commands = append(sec.Commands, b.commandFact(x.rival, x.command))
	}
	return sec
}

func proxymapTableOf(title string, list []*proxied, jobs []lookups, left bool) report.Table {
	t := report.Table{
		Title: title,
		Head:  []string{"server", "clients", "lookups/s", "x Postfix", "p50 us", "p50 x Postfix", "p99 us", "CPU us", "CPU x Postfix"},
	}
	if left {
		t.Head = append(t.Head, "never answered")
	}
	plot := newPlot("proxymap, "+title, "lookups a second", rivals.PostfixName, len(proxiedBy(list, rivals.PostfixName, jobs[0])) > 0, "more", rate)
	t.Plot = plot.Plot
	for _, job := range jobs {
		postfix := proxiedBy(list, rivals.PostfixName, job)
		for _, x := range list {
			got := x.series[job]
			if len(got) == 0 {
				continue
			}
			plot.add(fmt.Sprintf("%d clients", job.clients), x.rival, got, postfix)
			row := []string{
				x.rival.Name, fmt.Sprint(job.clients), got.of(rate).Range(), got.over(postfix, rate).String(),
				got.of(p50).String(), got.over(postfix, p50).String(), got.of(p99).String(),
				got.of(cpu).Range(), got.over(postfix, cpu).String(),
			}
			if left {
				row = append(row, fmt.Sprint(x.left[job]))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}
