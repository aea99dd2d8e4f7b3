// SPDX-License-Identifier: ISC

package main

import (
	"os"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// die ends the process by signal s, so that whoever waits for it sees what
// ended it and not an exit status.
func die(l *loop.Loop, s unix.Signal) {
	l.OnSignal(s, nil)
	if s == unix.SIGQUIT {
		// The runtime answers this one with a dump of its stacks.
		s = unix.SIGTERM
		l.OnSignal(s, nil)
	}
	_ = unix.Kill(unix.Getpid(), s)
	os.Exit(128 + int(s)) // not reached where signals are signals
}
