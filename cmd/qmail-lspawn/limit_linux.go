// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64)

package main

import (
	"postloop/loop"

	"golang.org/x/sys/unix"
)

// found is the limit on address space, soft and hard, that the process was
// started with, if the code at lspawn_start has run: the linker makes it the
// first to run when told "-E lspawn_start".
//
// IndiMail starts qmail under 80 MB of address space, and the Go runtime
// reserves some 600 MB before it runs a line of Go, of which it uses next to
// none. So the limit is raised before the runtime begins, and children get back
// what there was.
var found [2]uint64

// restoredLimits are the limits that were raised.
func restoredLimits() []loop.Rlimit {
	var now unix.Rlimit
	if found == [2]uint64{} || unix.Getrlimit(unix.RLIMIT_AS, &now) != nil || now == (unix.Rlimit{Cur: found[0], Max: found[1]}) {
		return nil
	}
	return []loop.Rlimit{{Resource: unix.RLIMIT_AS, Cur: found[0], Max: found[1]}}
}
