// SPDX-License-Identifier: ISC

// Command proxymap is Postfix's proxymap(8): it looks keys up in tables for
// other programs, and as the service proxywrite changes tables. A master starts
// it; nobody else has reason to.
//
// In master.cf:
//
//	proxymap   unix - - n - - proxymap [option ...]
//	proxywrite unix - - n - 1 proxymap [option ...]
//
// Exit status: 0 when the process has served its time (max_use clients and none
// there, max_idle without one), or the master has closed its end of the status
// channel; 1 for every failure, told in the log. A signal that ends the process
// is its status.
package main

import (
	"os"

	"postloop/services/proxymap"
	"postloop/services/skeleton"
)

func main() {
	os.Exit(skeleton.Run(proxymap.Program()))
}
