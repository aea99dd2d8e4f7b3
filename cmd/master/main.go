// SPDX-License-Identifier: ISC

// Command master is Postfix's master(8): it keeps the services of master.cf,
// or of a postloop.toml, running.
//
// Usage:
//
//	master [-Ddistvw] [-c config_dir] [-e exit_time]
//
// Exit status: 0 after -t when no master runs, after -w when the start has
// succeeded, and after -e; 1 for every failure, told in the log. A signal that
// ends master is its status, as with Postfix's.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

func main() {
	os.Exit(run())
}

// run is main with an exit status.
func run() int {
	unix.Umask(0o077)
	process := filepath.Base(os.Args[0])
	log := maillog.New(process)
	if _, set := os.LookupEnv("MAIL_VERBOSE"); set {
		log.Verbose = 1
	}
	o, err := parseOptions(os.Args)
	if l := takeLegacy(); err != nil && l != nil { // a later program may have other options
		return (&daemon{o: &options{}, log: log, process: process, legacy: l}).giveBack(err)
	} else if l != nil {
		if o.verbose {
			log.Verbose = 1
		}
		return (&daemon{o: o, log: log, process: process, legacy: l, parent: -1, args: os.Args}).succeed()
	}
	if err != nil {
		log.Fatalf("%v", err)
		fmt.Fprintf(os.Stderr, "%s: fatal: %v\n", process, err)
		log.Drain(time.Second)
		return 1
	}
	if o.verbose {
		log.Verbose = 1
	}
	d := &daemon{o: o, log: log, process: process}
	if o.wait {
		return d.monitor()
	}
	return d.run()
}
