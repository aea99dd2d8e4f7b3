// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// options are the command line, and the variables that stand for parts of it.
type options struct {
	configDir string
	debugger  bool          // -D, MAIL_DEBUG
	debug     bool          // -d
	exitAfter time.Duration // -e; -1: never
	init      bool          // -i
	stdout    bool          // -s
	test      bool          // -t
	rehearse  bool          // -u
	verbose   bool          // -v
	wait      bool          // -w
}

const usage = "usage: %s [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] [-e exit_time] [-t (test)] [-v] [-w (wait for initialization)]"

// parseOptions reads the command line as getopt(3) does, in which options end
// at the first word that is none; no such word is wanted.
func parseOptions(args []string) (*options, error) {
	o := &options{exitAfter: -1}
	_, o.debugger = os.LookupEnv("MAIL_DEBUG")
	wrong := fmt.Errorf(usage, args[0])
	for rest := args[1:]; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		if len(word) < 2 || word[0] != '-' || word == "--" && len(rest) > 0 {
			return nil, wrong
		}
		if word == "--" {
			break
		}
		for i := 1; i < len(word); i++ {
			switch word[i] {
			case 'D':
				o.debugger = true
			case 'd':
				o.debug = true
			case 'i':
				o.init = true
			case 's':
				o.stdout = true
			case 't':
				o.test = true
			case 'u':
				o.rehearse = true
			case 'v':
				o.verbose = true
			case 'w':
				o.wait = true
			case 'c', 'e':
				value := word[i+1:]
				if value == "" {
					if len(rest) == 0 {
						return nil, wrong
					}
					value, rest = rest[0], rest[1:]
				}
				if err := o.set(word[i], value); err != nil {
					return nil, err
				}
				i = len(word)
			default:
				return nil, wrong
			}
		}
	}
	return o, o.check()
}

// set takes an option that has a value.
func (o *options) set(option byte, value string) error {
	if option == 'c' {
		o.configDir = value
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return fmt.Errorf("-e %s: specify a number of seconds", value)
	}
	o.exitAfter = time.Duration(n) * time.Second
	return nil
}

// check refuses what does not go together.
func (o *options) check() error {
	switch {
	case o.init && !o.rehearse && os.Getpid() != 1:
		return errors.New("-i is allowed only for PID 1 process")
	case o.test && o.wait:
		return errors.New("the -t and -w options cannot be used together")
	case o.init && (o.debugger || o.debug || o.wait):
		return errors.New("the -i option cannot be used with -D, -d, or -w")
	}
	return nil
}
