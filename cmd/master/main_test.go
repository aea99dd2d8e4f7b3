// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// roles are the programs that this test binary is besides: a link to it that
// has one of these names runs that. The master is the real one, and measured
// like everything else by go test -cover.
var roles = map[string]func() int{
	"master":    func() int { measure(); return run() },
	"daemon":    func() int { return (&daemonProcess{}).serve() },
	"stubborn":  func() int { return (&daemonProcess{stubborn: true}).serve() },
	"moody":     moody,
	"broken":    func() int { return 3 },
	"gossip":    gossip,
	"listening": listening,
	"files":     func() int { fmt.Println(descriptors()); return 0 },
}

func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	play := roles[name]
	switch {
	case play == nil:
		os.Exit(m.Run())
	case name == "master":
		os.Exit(play())
	}
	unix.Exit(play()) // not os.Exit, which would complain that nobody measures it
}
