// SPDX-License-Identifier: ISC

// Command postloop is the operator's command: it asks a master how it is, has it
// do something, and looks at configurations and tables.
//
// Usage:
//
//	postloop [-c config_dir | -f file.toml] COMMAND
//
// Exit status: 0 when what was asked for is done; 1 when it is not; 64 for a
// command line that is wrong; 69 when no master runs; 78 for a bad
// configuration.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"postloop/cfg"
)

func main() {
	os.Exit((&app{in: os.Stdin, out: &sink{File: os.Stdout}, err: os.Stderr}).run(os.Args[1:]))
}

// The exit status, in the numbers of sysexits.h.
const (
	exitDone   = 0
	exitNot    = 1
	exitUsage  = 64
	exitNobody = 69
	exitConfig = 78
)

// app is one run of the program.
type app struct {
	in  *os.File
	out *sink
	err io.Writer

	dir     string // -c
	found   string // see where
	file    string // -f
	control string // --socket
	json    bool
	wait    waiting // --timeout
}

// sink is the output, which remembers whether all of it could be written.
type sink struct {
	*os.File
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.File.Write(b)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// failure is an error with an exit status.
type failure struct {
	status int
	err    error  // nil: all has been said
	more   string // a line after it
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func fail(status int, format string, args ...any) error {
	return &failure{status: status, err: fmt.Errorf(format, args...)}
}

// run is main with an exit status.
func (a *app) run(args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil && a.out.err != nil {
		err = fail(exitNot, "%w", a.out.err)
	}
	if err == nil {
		return exitDone
	}
	f := (*failure)(nil)
	if !errors.As(err, &f) { // what cobra finds
		f = &failure{status: exitUsage, err: err}
	}
	if f.err != nil {
		for _, one := range cfg.All(f.err) {
			fmt.Fprintf(a.err, "postloop: %v\n", one)
		}
		if f.more != "" {
			fmt.Fprintf(a.err, "postloop: %s\n", f.more)
		}
	}
	return f.status
}
