// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"postloop/bench/load"
	"postloop/bench/report"
	"postloop/bench/rivals"
	"postloop/services/attr"
)

const (
	// slowTime is how long the slow key takes, if the measurement is not over
	// before, and slowClients how many others ask meanwhile.
	slowTime    = 5 * time.Second
	slowClients = 64
	// slowPairs is how often it is measured without and with the slow key, in a
	// round.
	slowPairs = 2
)

// slowed is what one proxymap has come to beside a slow table.
type slowed struct {
	rival         *rivals.Rival
	without, with map[string]series // by mode: as many of one as of the other
	command       string
	failed        bool
}

// besideSlow is how the cost of a slow table for those who ask another is measured.
type besideSlow struct {
	workload string
	clients  int
	after    time.Duration // how long a key of the slow table takes
	pairs    int           // how often it is measured without and with that, in a round
	// load is the others', alone, and with that while somebody asks t.
	load func(ctx context.Context, path string, mark func()) (*load.Result, error)
	with func(ctx context.Context, t *slowTable, path string, mark func()) (*load.Result, error)
}

// proxymapSlow measures what a table that takes its time costs those who ask
// another.
func proxymapSlow(ctx context.Context, b *bench) (*report.Section, error) {
	where := b.places()
	list, err := b.besideSlow(ctx, where, b.slowWork())
	if err != nil {
		return nil, err
	}
	return b.slowSection(list, where), nil
}

func (b *bench) slowWork() *besideSlow {
	quick := func(path string, mark func()) load.Echo {
		return load.Echo{
			Path: path, Clients: slowClients, Hello: proxymapHello(),
			Ask: lookup("static:value", "key"), Want: found("value"), Warm: b.o.time / 4, Time: b.o.time, Mark: mark,
		}
	}
	return &besideSlow{
		workload: "proxymap-slow", clients: slowClients, after: slowTime, pairs: slowPairs,
		load: func(ctx context.Context, path string, mark func()) (*load.Result, error) {
			e := quick(path, mark)
			return e.Run(ctx)
		},
		with: func(ctx context.Context, t *slowTable, path string, mark func()) (*load.Result, error) {
			return t.during(ctx, quick(path, mark))
		},
	}
}

// besideSlow measures all proxymaps that are there, in turn.
func (b *bench) besideSlow(ctx context.Context, where []place, w *besideSlow) ([]*slowed, error) {
	var list []*slowed
	for _, r := range b.presentOf(b.world.Proxymaps()) {
		list = append(list, &slowed{rival: r, without: map[string]series{}, with: map[string]series{}})
	}
	if len(list) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	for round := range b.rounds(func() bool { return true }) {
		for _, p := range where {
			for _, s := range list {
				if s.failed {
					continue
				}
				if err := b.slow(ctx, s, p, w); err != nil {
					if err := b.without(ctx, s.rival, err); err != nil {
						return nil, err
					}
					s.failed = true
					continue
				}
				b.roundf(w.workload+" "+p.mode, round, "%s", s.progress(p.mode))
			}
		}
	}
	return list, nil
}

// slow measures one proxymap in one round: without, with, without, with.
func (b *bench) slow(ctx context.Context, s *slowed, p place, w *besideSlow) error {
	table, err := newSlowTable(w.after)
	if err != nil {
		return err
	}
	defer table.close()
	service := &rivals.Service{Tables: []string{"static:value", table.ref()}}
	srv, err := b.started(ctx, s.rival, service, p)
	if err != nil {
		return err
	}
	err = func() error {
		for range w.pairs {
			without, err := b.measure(ctx, srv, w.clients, func(ctx context.Context, mark func()) (*load.Result, error) {
				return w.load(ctx, service.Path, mark)
			})
			if err != nil {
				return err
			}
			with, err := b.measure(ctx, srv, w.clients, func(ctx context.Context, mark func()) (*load.Result, error) {
				return w.with(ctx, table, service.Path, mark)
			})
			if err != nil {
				return err
			}
			s.without[p.mode], s.with[p.mode] = append(s.without[p.mode], without), append(s.with[p.mode], with)
		}
		s.command = srv.Command()
		return nil
	}()
	return errors.Join(err, srv.Stop())
}

func lookup(ref, key string) []byte {
	return attr.Append(nil, attr.Attr{Name: "request", Value: "lookup"}, attr.Attr{Name: "table", Value: ref},
		attr.Attr{Name: "flags", Value: "0"}, attr.Attr{Name: "key", Value: key})
}

func found(value string) []byte {
	return attr.Append(nil, attr.Attr{Name: "status", Value: "0"}, attr.Attr{Name: "value", Value: value})
}

// slowTable is a socketmap server that holds its answer back.
type slowTable struct {
	ln       net.Listener
	wg       sync.WaitGroup
	heard    chan struct{} // a request has come
	release  chan struct{} // it may be answered
	answered chan struct{} // it has been
	keys     int
	after    time.Duration // without that, too
}

// newSlowTable makes one whose answers take so long at the most.
func newSlowTable(after time.Duration) (*slowTable, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &slowTable{ln: ln, heard: make(chan struct{}, 1), release: make(chan struct{}), answered: make(chan struct{}, 1), after: after}
	t.wg.Go(t.serve)
	return t, nil
}

func (t *slowTable) ref() string { return "socketmap:inet:" + t.ln.Addr().String() + ":slow" }

func (t *slowTable) close() {
	_ = t.ln.Close()
	close(t.release)
	t.wg.Wait()
}

// serve answers requests, of which there is one at a time.
func (t *slowTable) serve() {
	for {
		conn, err := t.ln.Accept()
		if err != nil {
			return
		}
		t.wg.Go(func() {
			defer func() { _ = conn.Close() }()
			for buf := make([]byte, 100); ; { // a request is in one piece
				if _, err := conn.Read(buf); err != nil {
					return
				}
				t.heard <- struct{}{}
				select {
				case <-t.release:
				case <-time.After(t.after):
				}
				if _, err := io.WriteString(conn, "10:OK at last,"); err != nil {
					return
				}
				t.answered <- struct{}{}
			}
		})
	}
}

// during is the load of others while one client waits for the slow key. It asks
// when the counted time begins, when they have long had their connections, and
// has its answer when that is over, or after slowTime.
func (t *slowTable) during(ctx context.Context, quick load.Echo) (*load.Result, error) {
	conn, err := visitProxymap(quick.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	ask := t.ask()
	mark, marks := quick.Mark, 0
	quick.Mark = func() {
		if marks++; marks == 1 {
			_, err = conn.Write(ask)
		}
		mark()
	}
	r, runErr := quick.Run(ctx)
	if err := errors.Join(err, runErr); err != nil {
		return nil, err
	}
	select {
	case <-t.heard:
	default:
		return nil, errors.New("the slow key was not asked for while others were")
	}
	select {
	case t.release <- struct{}{}:
		<-t.answered
	case <-t.answered:
	}
	return r, read(conn, found("at last"))
}

// ask is a question for a key that nobody can have remembered.
func (t *slowTable) ask() []byte {
	t.keys++
	return lookup(t.ref(), fmt.Sprintf("key%d", t.keys))
}

// visitProxymap connects to a proxymap and hears its greeting.
func visitProxymap(path string) (net.Conn, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(patience)), read(conn, proxymapHello())); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// read reads what has to come.
func read(conn net.Conn, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func (s *slowed) progress(mode string) string {
	without, with := s.without[mode], s.with[mode]
	a, b := without[len(without)-1], with[len(with)-1]
	return fmt.Sprintf("%-24s  without: %6.0f/s, p99 %6.0f us  with: %6.0f/s, p99 %6.0f us", s.rival.Name, a.rate, a.p99, b.rate, b.p99)
}

func (b *bench) slowSection(list []*slowed, where []place) *report.Section {
	sec := &report.Section{
		Title: "proxymap-slow",
		Text: fmt.Sprintf("%d clients ask a proxymap for a key of a static: table, again and again, on connections that stay: without anything else, and while another client "+
			"waits for a socketmap server that takes %d seconds, or until the measurement is over. Both are measured in turn on the same server. ", slowClients, slowTime/time.Second) + figuresText,
	}
	for _, p := range where {
		t := report.Table{
			Title: p.mode + ": " + places[p.mode],
			Head:  []string{"server", "lookups/s", "with the slow one", "p99 us", "with the slow one", "p99 x without", "p50 us", "with the slow one"},
		}
		t.Plot = &report.Plot{
			Title: "proxymap-slow, " + p.mode, Axis: "p99 of the others while a slow key is asked for, as a multiple of that without",
			Base: "without", Better: "less",
		}
		for _, s := range list {
			without, with := s.without[p.mode], s.with[p.mode]
			if len(without) == 0 {
				continue
			}
			t.Plot.Add("", report.Bar{Label: s.rival.Name, Value: with.over(without, p99), Ours: isOurs(s.rival)})
			t.Rows = append(t.Rows, []string{
				s.rival.Name,
				without.of(rate).String(), with.of(rate).String(),
				without.of(p99).Range(), with.of(p99).Range(), with.over(without, p99).Range(),
				without.of(p50).String(), with.of(p50).String(),
			})
		}
		sec.Tables = append(sec.Tables, t)
	}
	for _, s := range list {
		sec.Commands = append(sec.Commands, b.commandFact(s.rival, s.command))
	}
	return sec
}
