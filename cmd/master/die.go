// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// kill is unix.Kill but in a test that has something to write before.
var kill = unix.Kill

// die ends the process by signal s, so that whoever waits for it sees what
// ended it and not an exit status.
func die(l *loop.Loop, s unix.Signal) {
	l.OnSignal(s, nil)
	if s == unix.SIGQUIT {
		// The runtime answers this one with a dump of its stacks.
		s = unix.SIGTERM
		l.OnSignal(s, nil)
	}
	_ = kill(unix.Getpid(), s)
	// The runtime may take the signal on another thread, and then it is not
	// what ends this one: whoever goes on at once ends with an exit status.
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		_, _ = unix.Poll(nil, 100)
	}
	os.Exit(128 + int(s)) // not reached where signals are signals
}
