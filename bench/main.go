// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/bench/echo"
	"postloop/bench/report"
	"postloop/bench/rivals"
)

// workload is one thing that is measured. Without a section nothing could be.
type workload struct {
	name  string
	share float64 // seconds that a round takes with default settings on a small machine: of what is left an estimate is made
	run   func(ctx context.Context, b *bench) (*report.Section, error)
}

// workloads are all there are, in the order of the report.
var workloads = []workload{
	{"spawner", 22, spawner},
	{"descriptors", 12, descriptors},
	{"held", 20, held},
	{"loop", 25, loops},
	{"activation", 45, activation},
	{"proxymap", 42, proxymap},
	{"proxymap-slow", 16, proxymapSlow},
	{"proxymap-open", 8, proxymapOpen},
	{"timers", 18, timerStructures},
	{"idle", 70, idle},
	{"qmail-lspawn", 9, deliveries},
}

func workloadNames() []string {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = w.name
	}
	return names
}

func main() {
	serveEcho()
	serveTimers()
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err = run(ctx, o)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "bench: interrupted; nothing was written")
		os.Exit(130)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// serveEcho is the whole program where it was started to be an echo server.
func serveEcho() {
	if len(os.Args) == 5 && os.Args[1] == rivals.EchoArg {
		fmt.Fprintf(os.Stderr, "bench: %v\n", echo.Serve(os.Args[2], os.Args[3], os.Args[4]))
		os.Exit(1)
	}
}

// run measures what o asks for, prints it and writes it down.
func run(ctx context.Context, o *options) (err error) {
	b, err := newBench(o, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	results := &report.Results{Command: "bench " + strings.Join(os.Args[1:], " "), Facts: b.facts()}
	for _, w := range workloads {
		if o.wants(w.name) {
			b.clock.total += w.share
		}
	}
	for _, w := range workloads {
		if !o.wants(w.name) {
			continue
		}
		b.clock.begin(w.share)
		section, err := w.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if section == nil {
			continue
		}
		fmt.Printf("\n%s", section)
		results.Sections = append(results.Sections, *section)
	}
	results.Facts = append(results.Facts, b.method()...)
	fmt.Print(results.Summary())
	if o.out != "" {
		results.Plots = "plots"
		if err := errors.Join(results.WritePlots(filepath.Dir(o.out)), os.WriteFile(o.out, []byte(results.String()), 0o644)); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\nwritten to %s, after %s\n", o.out, clockTime(time.Since(b.clock.began)))
	}
	return b.failures()
}
