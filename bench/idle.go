// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postloop/bench/report"
	"postloop/bench/rivals"
	"postloop/internal/postfix"
)

const (
	// idleTimes is how many times as long as a measurement of a load processes
	// are watched that have nothing to do: ten seconds, unless -seconds says
	// otherwise.
	idleTimes = 20
	// idleWatches is in how many rounds they are; in the others they are started,
	// answer and have their memory read.
	idleWatches = 2
)

// resident is a program that has nothing to do, and what it has come to.
type resident struct {
	name    string // in the tables
	program string // the path of its executable
	rival   *rivals.Rival
	service *rivals.Service
	wake    func(s *rivals.Service) (time.Duration, error) // begins what is not there from the start, and says how long that took

	first    bool      // it is what is executed first, so can be timed until it listens
	listens  []float64 // seconds from its execution
	answer   []float64 // seconds from the execution of the first program to its first answer, or what wake says
	switches []float64 // of all its threads
	cpu      []float64 // microseconds of the server with everything, while it was watched
	rss, pss []float64 // bytes
	threads  int
	failed   bool
}

// idle measures what programs cost that do nothing.
func idle(ctx context.Context, b *bench) (*report.Section, error) {
	list, err := b.residents()
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	for round := range b.rounds(func() bool { return true }) {
		for _, x := range list {
			if x.failed {
				continue
			}
			if err := b.rest(ctx, x); err != nil {
				if err := b.without(ctx, x.rival, fmt.Errorf("%s: %w", x.name, err)); err != nil {
					return nil, err
				}
				x.failed = true
				continue
			}
			b.roundf("idle", round, "%s", x.progress())
		}
	}
	return b.idleSection(list), nil
}

// residents are the programs that can take part.
func (b *bench) residents() (list []*resident, err error) {
	minid, err := b.freestanding("minid")
	if err != nil {
		return nil, err
	}
	for _, r := range b.presentOf(b.world.Masters()) {
		addr, err := rivals.FreeAddr()
		if err != nil {
			return nil, err
		}
		x := &resident{name: r.Name + ": master", program: postfix.RealMaster, rival: r, first: true}
		if r.Ours {
			x.program = b.world.Bin + "/master"
		}
		x.service = &rivals.Service{Services: addr.String() + " inet n - n - 1 minid\n", Daemons: []string{minid}, Addr: addr, Timed: true}
		list = append(list, x)
	}
	lspawn, err := b.lspawnResident()
	if err != nil {
		return nil, err
	}
	list = append(list, lspawn...)
	programs := map[string]string{rivals.PostfixName: postfix.Sbin + "/spawn", rivals.OursSpawnName: b.world.Bin + "/spawn"}
	spawns := slices.DeleteFunc(b.world.All(), func(r *rivals.Rival) bool { return programs[r.Name] == "" })
	for _, r := range b.presentOf(spawns) {
		s, err := b.service([]string{"/bin/echo", "hello"}, spawnerLimit, 0)
		if err != nil {
			return nil, err
		}
		list = append(list, &resident{name: r.Name + ": spawn", program: programs[r.Name], rival: r, service: s})
	}
	for _, r := range b.presentOf(b.world.Proxymaps()) {
		x := &resident{name: r.Name + ": proxymap", program: b.world.Bin + "/proxymap", rival: r, service: &rivals.Service{Tables: []string{"static:value"}}}
		if r.Name == rivals.PostfixName {
			x.program = postfix.Sbin + "/proxymap"
		}
		list = append(list, x)
		if r.Name != rivals.OursProxymapName {
			continue
		}
		more, err := b.tableResidents(r)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// lspawnResident is qmail-lspawn, which waits for commands from its first moment.
func (b *bench) lspawnResident() (list []*resident, err error) {
	all, err := b.lspawns()
	for _, x := range all {
		if x.rival.Name == rivals.LspawnAssignedName && b.o.wantsServer(x.rival.Name) {
			list = append(list, &resident{
				name: rivals.OursMasterName + ": qmail-lspawn", program: b.world.Bin + "/qmail-lspawn", rival: x.rival, service: &rivals.Service{Pipes: true},
			})
		}
	}
	return list, err
}

// tableResidents are the processes that ours have beside a proxymap, one for
// each table. Their servers are not there, and the database is empty: what is
// asked of them fails, or is not found.
func (b *bench) tableResidents(r *rivals.Rival) (list []*resident, err error) {
	dir := b.dir + "/idle"
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(dir+"/empty.db", nil, 0o644); err != nil {
		return nil, err
	}
	for _, t := range []struct{ kind, text string }{
		{"http", "url = http://127.0.0.1:1/%u\n"},
		{"ldap", "server_host = ldap://127.0.0.1:1\nsearch_base = dc=example,dc=com\n"},
		{"mysql", "hosts = inet:127.0.0.1:1\nuser = nobody\ndbname = nothing\nquery = SELECT 1 WHERE '%s' = ''\n"},
		{"pgsql", "hosts = inet:127.0.0.1:1\nuser = nobody\ndbname = nothing\nquery = SELECT 1 WHERE '%s' = ''\n"},
		{"sqlite", "dbpath = " + dir + "/empty.db\nquery = SELECT 1 WHERE '%s' = ''\n"},
	} {
		program, path := b.world.Bin+"/table-"+t.kind, dir+"/"+t.kind+".cf"
		if _, err := os.Stat(program); err != nil {
			b.sayf("without table-%s: %v", t.kind, err)
			continue
		}
		if err := os.WriteFile(path, []byte(t.text), 0o644); err != nil {
			return nil, err
		}
		ref := t.kind + ":" + path
		list = append(list, &resident{
			name: r.Name + ": table-" + t.kind, program: program, rival: r, service: &rivals.Service{Tables: []string{ref}, Daemons: []string{program}},
			wake: func(s *rivals.Service) (time.Duration, error) { return askOnce(s.Path, ref) },
		})
	}
	return list, nil
}

// askOnce asks a proxymap for a key, and returns how long the answer took.
func askOnce(path, ref string) (time.Duration, error) {
	conn, err := visitProxymap(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	began := time.Now()
	if _, err := conn.Write(lookup(ref, "user@example.com")); err != nil {
		return 0, err
	}
	_, err = conn.Read(make([]byte, 512))
	return time.Since(began), err
}

// rest starts one program and watches it do nothing, once.
func (b *bench) rest(ctx context.Context, x *resident) error {
	srv, err := b.started(ctx, x.rival, x.service, place{"free", b.cpus, b.cpus})
	if err != nil {
		return err
	}
	return errors.Join(b.restOn(ctx, x, srv), srv.Stop())
}

func (b *bench) restOn(ctx context.Context, x *resident, srv *rivals.Server) error {
	answer := srv.Answered
	if x.wake != nil {
		var err error
		if answer, err = x.wake(x.service); err != nil {
			return fmt.Errorf("%w\n%s", err, srv.Output())
		}
	}
	// A link may have led to it.
	program, err := filepath.EvalSymlinks(x.program)
	if err != nil {
		return err
	}
	if x.first {
		err = until(ctx, "the daemon has ended", func() bool { return len(srv.Tree.Processes()) <= 1+len(x.rival.Helpers) })
	} else {
		err = until(ctx, program+" runs", func() bool { return runs(srv, program) })
	}
	if err != nil {
		return err
	}
	switches := func() (n int, err error) {
		_, err = settledAt(ctx, "nothing happens any more", func() int { n, x.threads = srv.Tree.Switches(program); return n })
		return n, err
	}
	before, err := switches()
	if err != nil {
		return err
	}
	if len(x.switches) < idleWatches {
		if err := b.watch(ctx, x, srv, program, before); err != nil {
			return err
		}
	}
	m, err := srv.Tree.MemoryOf(program)
	if err != nil {
		return err
	}
	if m.Processes == 0 {
		return fmt.Errorf("%s has ended\n%s", program, srv.Output())
	}
	x.rss, x.pss = append(x.rss, float64(m.RSS)), append(x.pss, float64(m.PSS))
	x.answer = append(x.answer, answer.Seconds())
	if x.first {
		x.listens = append(x.listens, srv.Took.Seconds())
	}
	return nil
}

// watch counts what happens in a program that has nothing to do. before is how
// many context switches there were.
func (b *bench) watch(ctx context.Context, x *resident, srv *rivals.Server, program string, before int) error {
	used, err := srv.Tree.CPU()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleTimes * b.o.time):
	}
	after, _ := srv.Tree.Switches(program)
	usedAfter, err := srv.Tree.CPU()
	if err != nil {
		return err
	}
	x.switches = append(x.switches, float64(after-before))
	x.cpu = append(x.cpu, micros(usedAfter.Sub(used).Total()))
	return nil
}

// progress says what the last round has brought.
func (x *resident) progress() string {
	last := len(x.rss) - 1
	return fmt.Sprintf("%-36s %3.0f switches, %5.2f MB RSS, first answer after %5.1f ms", x.name, x.switches[len(x.switches)-1], x.rss[last]/1e6, 1e3*x.answer[last])
}

func (b *bench) idleSection(list []*resident) *report.Section {
	t := report.Table{
		Title: "nothing to do",
		Head: []string{
			"program", "switches", "CPU us", "threads", "RSS MB", "PSS MB", "listens after ms", "answers after ms",
		},
	}
	plot := report.Plot{Title: "idle", Axis: "MB resident (RSS) of the program alone", Better: "less"}
	for _, x := range list {
		if len(x.rss) == 0 {
			continue
		}
		plot.Add("", report.Bar{Label: x.name, Value: inMegabytes(x.rss), Ours: x.isOurs()})
		t.Rows = append(t.Rows, []string{
			x.name, report.Summarize(x.switches).String(), report.Summarize(x.cpu).String(), fmt.Sprint(x.threads),
			megabytes(x.rss), megabytes(x.pss), millis(x.listens).Range(), millis(x.answer).Range(),
		})
	}
	t.Plot = &plot
	return &report.Section{
		Title: "idle",
		Text: fmt.Sprintf("Each program after its first client, watched for %v: context switches of all its threads, and the processor time of all processes of its server. ", idleTimes*b.o.time) +
			"Memory is its own. Times are from the execution of the master: to the first connection that could be made, and to the first whole answer, " +
			"by a daemon that was started for it; of a table from the question to the answer, which starts its process and says that there is no server, or no such key. " + figuresText,
		Tables:  []report.Table{t},
		Targets: idleTargets(list),
	}
}
