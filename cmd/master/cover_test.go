// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"flag"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Under go test -cover the masters that the tests start are measured, too. The
// runtime writes what it has counted at an exit only, so there a master that
// would end by a signal exits as a shell does in its place.

// measured reports whether that is so.
func measured() bool { return testing.CoverMode() != "" }

// coverDir is where the processes under measurement leave their counts.
func coverDir() string { return flag.Lookup("test.gocoverdir").Value.String() }

// measure is for the master that this process becomes.
func measure() {
	if measured() {
		kill = func(_ int, s unix.Signal) error {
			os.Exit(128 + int(s))
			return nil
		}
	}
}

// signalOf returns the signal that ended a process, or 0.
func signalOf(status syscall.WaitStatus) syscall.Signal {
	switch {
	case status.Signaled():
		return status.Signal()
	case measured() && status.ExitStatus() > 128:
		return syscall.Signal(status.ExitStatus() - 128)
	}
	return 0
}
