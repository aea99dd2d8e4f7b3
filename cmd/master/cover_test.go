// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"flag"
	"os"
	"runtime/coverage"
	"testing"

	"golang.org/x/sys/unix"
)

// measure has a master that ends by a signal leave its counts, too, which the
// runtime writes at an exit only; that takes go test -covermode=atomic.
func measure() {
	dir := os.Getenv("GOCOVERDIR")
	if testing.CoverMode() != "atomic" || dir == "" {
		return
	}
	kill = func(pid int, s unix.Signal) error {
		if err := coverage.WriteMetaDir(dir); err != nil {
			say("%v", err)
		}
		if err := coverage.WriteCountersDir(dir); err != nil {
			say("%v", err)
		}
		return unix.Kill(pid, s)
	}
}

// coverDir is where the processes under measurement leave their counts.
func coverDir() string { return flag.Lookup("test.gocoverdir").Value.String() }
