// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postloop/bench/load"
	"postloop/bench/measure"
	"postloop/bench/rivals"
)

//go:embed testdata/tiny.c testdata/climit.c testdata/cecho.c testdata/minid.c testdata/nolibc.h testdata/getpw.c testdata/cdeliver.c testdata/tlist.c testdata/tlibevent.c
var sources embed.FS

// commandUser is whom the commands run as, where that can be had.
const commandUser = "nobody"

// bench is one run of the program.
type bench struct {
	o        *options
	dir      string // of what was built for this run
	world    *rivals.World
	cpus     []int // the first two that we may use, or the only one
	command  []string
	reply    string // that command writes
	log      io.Writer
	sockets  int             // that were given a path in dir
	methods  map[string]bool // how processor time was known
	failed   []string        // what went wrong
	others   []float64       // processors that something else used, by measurement
	again    int             // measurements that were disturbed, and made again
	patience time.Duration   // what is left of -calm
	clock    clock
	further  int // rounds that were made because others did not agree
}

// newBench builds what the measurements need and looks for the rivals.
func newBench(o *options, log io.Writer) (*bench, error) {
	cpus, err := measure.Processors()
	if err != nil {
		return nil, err
	}
	if err := measure.Adopt(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "plbench")
	if err != nil {
		return nil, err
	}
	b := &bench{o: o, dir: dir, cpus: cpus[:min(2, len(cpus))], log: log, patience: o.calm, methods: map[string]bool{}, clock: clock{began: time.Now()}}
	// The commands' user goes through it, and is nobody.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, errors.Join(err, b.close())
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	private, err := filepath.Abs(o.private)
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.world = &rivals.World{Bin: bin, Private: private, Root: os.Getuid() == 0}
	return b, nil
}

// close removes what was built.
func (b *bench) close() error { return os.RemoveAll(b.dir) }

// sayf tells whoever watches.
func (b *bench) sayf(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

// build compiles the C programs: the command that is spawned, and the limit.
func (b *bench) build() error {
	if b.command != nil {
		return nil
	}
	tiny, err := b.freestanding("tiny")
	if err != nil {
		return err
	}
	if b.world.Limit, err = b.cc("climit", "-static"); err != nil {
		return err
	}
	b.command, b.reply = []string{tiny}, "hello from tiny\n"
	return nil
}

// freestanding compiles one of the sources that have no C library.
func (b *bench) freestanding(name string) (string, error) {
	return b.cc(name, "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
		"-fno-pie", "-no-pie", "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-s")
}

// header is what programs without a C library share.
const header = "nolibc.h"

// cc compiles one of the sources and returns the program's path.
func (b *bench) cc(name string, flags ...string) (string, error) {
	return b.ccWith(name, nil, flags...)
}

// ccWith is cc with libraries.
func (b *bench) ccWith(name string, libraries []string, flags ...string) (string, error) {
	text, err := sources.ReadFile("testdata/" + name + ".c")
	if err != nil {
		return "", err
	}
	shared, err := sources.ReadFile("testdata/" + header)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(b.dir+"/"+header, shared, 0o644); err != nil {
		return "", err
	}
	out := b.dir + "/" + name
	if err := os.WriteFile(out+".c", text, 0o644); err != nil {
		return "", err
	}
	args := append([]string{"-O2", "-Wall", "-Wextra"}, flags...)
	if said, err := exec.Command("cc", append(append(args, "-o", out, out+".c"), libraries...)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cc %s.c: %w\n%s", name, err, said)
	}
	return out, nil
}

// service is the service that every server is asked for.
func (b *bench) service(command []string, limit, ballast int) (*rivals.Service, error) {
	addr, err := rivals.FreeAddr()
	if err != nil {
		return nil, err
	}
	s := &rivals.Service{Addr: addr, Command: command, Limit: limit, Ballast: ballast}
	if b.world.Root {
		s.User = commandUser
	}
	return s, nil
}

// present returns the rivals that can take part and were asked for, and says
// which cannot.
func (b *bench) present() []*rivals.Rival {
	var list []*rivals.Rival
	for _, r := range b.world.All() {
		switch {
		case r.Name != rivals.PostfixName && r.Name != rivals.LimitName && !b.o.wantsServer(r.Name):
		case r.Missing != "":
			b.sayf("without %s: %s", r.Name, r.Missing)
		default:
			list = append(list, r)
		}
	}
	return list
}

// presentOf returns those of a list that can take part and were asked for, and
// says which cannot. Postfix's always takes part.
func (b *bench) presentOf(all []*rivals.Rival) (list []*rivals.Rival) {
	for _, r := range all {
		switch {
		case r.Name != rivals.PostfixName && !b.o.wantsServer(r.Name):
		case r.Missing != "":
			b.sayf("without %s: %s", r.Name, r.Missing)
		default:
			list = append(list, r)
		}
	}
	return list
}

// place is where a server and its load run.
type place struct {
	mode         string
	server, load []int
}

// places returns those that were asked for and can be had.
func (b *bench) places() []place {
	var list []place
	for _, mode := range b.o.modes {
		switch {
		case mode == "free":
			list = append(list, place{mode, b.cpus, b.cpus})
		case len(b.cpus) < 2:
			b.sayf("without mode pin: there is one processor only")
		default:
			list = append(list, place{mode, b.cpus[:1], b.cpus[1:]})
		}
	}
	return list
}

// sample is one measurement. Times are in microseconds.
type sample struct {
	rate      float64 // connections, or messages, a second
	p50, p99  float64
	cpu, user float64 // of the server, for each of them: in all, and of it outside the kernel
	own       float64 // of its first process alone, without what it has started
	other     float64 // processors that anything else used, or that were stolen
}

// disturbed is how many processors may be used by something else before a
// measurement is made again.
const disturbed = 0.25

// retries is how often it is made again at the most.
const retries = 3

// drive makes a load, and calls mark when what counts begins and when it is over.
type drive func(ctx context.Context, mark func()) (*load.Result, error)

// connections is a load of so many clients with a connection for each answer.
func (b *bench) connections(s *rivals.Service, clients int) drive {
	return func(ctx context.Context, mark func()) (*load.Result, error) {
		c := load.Closed{Addr: s.Addr, Clients: clients, Want: []byte(b.reply), Warm: b.o.time / 4, Time: b.o.time, Mark: mark}
		return c.Run(ctx)
	}
}

// measure puts a load on a server, and again if something else was at work
// meanwhile. clients is how many of them there are.
func (b *bench) measure(ctx context.Context, srv *rivals.Server, clients int, d drive) (best sample, err error) {
	for try := 0; ; try++ {
		one, err := b.once(ctx, srv, clients, d)
		if err != nil {
			return best, err
		}
		if try == 0 || one.other < best.other {
			best = one
		}
		if best.other <= disturbed || try == retries || b.patience <= 0 {
			b.others = append(b.others, best.other)
			return best, nil
		}
		b.again++
		b.patience -= b.o.time
		if err := b.calm(ctx); err != nil {
			return best, err
		}
	}
}

// calm waits until nothing else is at work, for as long as there is patience
// left.
func (b *bench) calm(ctx context.Context) error {
	const look = 100 * time.Millisecond
	for ; b.patience > 0; b.patience -= look {
		before, _, err := measure.Busy()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		after, _, err := measure.Busy()
		if err != nil || (after-before).Seconds() <= disturbed*look.Seconds() {
			return err
		}
	}
	return nil
}

// usage is what has been used by a moment.
type usage struct {
	server       measure.CPU
	own          time.Duration // of its first process
	busy, stolen time.Duration
}

func (b *bench) usage(srv *rivals.Server) (u usage, err error) {
	if u.server, err = srv.Tree.CPU(); err != nil {
		return u, err
	}
	u.own = measure.Own(srv.Pid)
	u.busy, u.stolen, err = measure.Busy()
	return u, err
}

func (b *bench) once(ctx context.Context, srv *rivals.Server, clients int, d drive) (m sample, err error) {
	var marks []usage
	r, runErr := d(ctx, func() {
		u, e := b.usage(srv)
		marks, err = append(marks, u), errors.Join(err, e)
	})
	if err = errors.Join(err, runErr); err != nil {
		return m, fmt.Errorf("%s: %w\n%s", srv.Rival.Name, err, srv.Output())
	}
	if r.Failed > 0 {
		b.failed = append(b.failed, fmt.Sprintf("%s, %d clients: %d were not answered: %v\n%s",
			srv.Rival.Name, clients, r.Failed, r.Failure, srv.Output()))
	}
	if !srv.Alive() {
		return m, fmt.Errorf("%s has ended\n%s", srv.Rival.Name, srv.Output())
	}
	b.methods[srv.Tree.Method()] = true
	if len(r.Latency) == 0 || len(marks) < 2 {
		why := errors.Join(fmt.Errorf("%s: nothing was answered in %v", srv.Rival.Name, b.o.time), r.Failure)
		return m, fmt.Errorf("%w\n%s", why, srv.Output())
	}
	return newSample(r, marks[0], marks[1]), nil
}

// without goes on without a server that has failed, unless the run itself is
// over. That it failed is not forgotten; see failures.
func (b *bench) without(ctx context.Context, r *rivals.Rival, err error) error {
	if ctx.Err() != nil {
		return err
	}
	b.sayf("without %s from here on: %v", r.Name, err)
	b.failed = append(b.failed, err.Error())
	return nil
}

// failures is an error if a server failed, or a connection was not answered.
func (b *bench) failures() error {
	if len(b.failed) == 0 {
		return nil
	}
	return errors.New(strings.Join(b.failed, "\n"))
}
