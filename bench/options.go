// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	workloads []string
	rounds    int
	further   int           // rounds at the most, of what the rounds do not agree about
	limit     time.Duration // of the whole run: no further rounds beyond it
	time      time.Duration // of one measurement
	clients   []int
	modes     []string
	servers   []string // empty: all there are
	held      int      // connections of the workload of that name
	ballast   int      // descriptors of the workload of that name
	services  []int    // of a master in the workload activation, ascending
	calm      time.Duration
	bin       string
	private   string
	out       string // empty: nothing is written
}

// The most that may be asked for: a load is bounded whatever the command line
// says.
const (
	maxRounds  = 100
	maxSeconds = 60
	maxClients = 1000
	maxHeld    = 10000
	// maxServices keeps ports below those that clients come from.
	maxServices = 10000
)

// parse reads the command line.
func parse(args []string, usage io.Writer) (*options, error) {
	o := &options{}
	var workloads, clients, modes, servers, services string
	var seconds float64
	var quick bool
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&workloads, "workload", "all", "what to measure: `names` of "+strings.Join(workloadNames(), ", ")+", with commas; or all")
	f.StringVar(&workloads, "only", "all", "the same as -workload: `names`")
	f.BoolVar(&quick, "quick", false, "a workload in about a minute: fewer and shorter rounds, fewer services and connections, unless they are given; not for figures that are published")
	f.IntVar(&o.rounds, "rounds", 4, "how often everything is measured in turn")
	f.IntVar(&o.further, "further", 3, "how many further rounds there may be of a workload whose rounds do not agree")
	f.DurationVar(&o.limit, "limit", 22*time.Minute, "no further rounds when the whole run would take longer than this")
	f.Float64Var(&seconds, "seconds", 0.5, "how long one measurement lasts")
	f.StringVar(&clients, "clients", "1,8,64", "how many clients at once")
	f.StringVar(&modes, "modes", "pin,free", "where servers and load run: pin, each on a processor of its own; free, both on both")
	f.StringVar(&servers, "servers", "", "only servers whose names contain one of these `words`, with commas; Postfix and the C limit always take part")
	f.IntVar(&o.held, "connections", 1000, "how many connections the workload held holds open")
	f.IntVar(&o.ballast, "descriptors", 10000, "how many descriptors the workload descriptors has a server hold")
	f.StringVar(&services, "services", "10,100,1000,5000", "how many services the workload activation has a master have")
	f.DurationVar(&o.calm, "calm", time.Minute, "how long in all to wait for a calm machine and to make disturbed measurements again")
	f.StringVar(&o.bin, "bin", "bin", "where our programs are")
	f.StringVar(&o.private, "rivals", "bench/.rivals", "where make bench-rivals has put its packages")
	f.StringVar(&o.out, "o", "bench/RESULTS.md", "where the results are written; empty: nowhere")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if quick {
		if err := hurry(f); err != nil {
			return nil, err
		}
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	o.time = time.Duration(seconds * float64(time.Second))
	o.workloads, o.modes, o.servers = words(workloads), words(modes), words(servers)
	if workloads == "all" {
		o.workloads = workloadNames()
	}
	var err, servicesErr error
	o.clients, err = numbers("clients", clients, maxClients)
	o.services, servicesErr = numbers("services", services, maxServices)
	slices.Sort(o.services)
	return o, errors.Join(err, servicesErr, o.check())
}

// hurry sets the flags that were not given to what takes less time.
func hurry(f *flag.FlagSet) (err error) {
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	for name, value := range map[string]string{
		"rounds": "2", "further": "0", "seconds": "0.2", "modes": "pin", "services": "10,1000", "connections": "200", "calm": "5s", "o": "",
	} {
		if name == "modes" && runtime.NumCPU() == 1 {
			continue
		}
		if !given[name] {
			err = errors.Join(err, f.Set(name, value))
		}
	}
	return err
}

// numbers reads a list of them.
func numbers(flag, list string, most int) (all []int, err error) {
	for _, word := range words(list) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("-%s %s: not a number from 1 to %d", flag, word, most)
		}
		all = append(all, n)
	}
	return all, nil
}

func (o *options) check() error {
	for _, name := range o.workloads {
		if !slices.Contains(workloadNames(), name) {
			return fmt.Errorf("-workload %s: there is %s, and all", name, strings.Join(workloadNames(), ", "))
		}
	}
	for _, mode := range o.modes {
		if mode != "pin" && mode != "free" {
			return fmt.Errorf("-modes %s: there are pin and free", mode)
		}
	}
	switch {
	case o.rounds < 1 || o.rounds > maxRounds:
		return fmt.Errorf("-rounds %d: not from 1 to %d", o.rounds, maxRounds)
	case o.further < 0 || o.further > maxRounds:
		return fmt.Errorf("-further %d: not from 0 to %d", o.further, maxRounds)
	case o.time < 10*time.Millisecond || o.time > maxSeconds*time.Second:
		return fmt.Errorf("-seconds %v: not from 0.01 to %d", o.time.Seconds(), maxSeconds)
	case o.held < 1 || o.held > maxHeld:
		return fmt.Errorf("-connections %d: not from 1 to %d", o.held, maxHeld)
	case o.ballast < 100:
		return fmt.Errorf("-descriptors %d: not 100 or more", o.ballast)
	case len(o.workloads) == 0 || len(o.clients) == 0 || len(o.services) == 0 || len(o.modes) == 0:
		return errors.New("there is nothing to measure")
	}
	return nil
}

// words are the words between commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// wants reports whether a workload was asked for.
func (o *options) wants(name string) bool { return slices.Contains(o.workloads, name) }

// wantsServer reports whether a server was asked for.
func (o *options) wantsServer(name string) bool {
	return len(o.servers) == 0 || slices.ContainsFunc(o.servers, func(word string) bool { return strings.Contains(name, word) })
}
