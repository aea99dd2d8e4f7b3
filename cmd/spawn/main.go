// SPDX-License-Identifier: ISC

// Command spawn is Postfix's spawn(8): it runs a command for each client of a
// service. A master starts it; nobody else has reason to.
//
// In master.cf:
//
//	NAME TYPE ... spawn [option ...] user=NAME[:GROUP] argv=COMMAND [ARGUMENT ...]
//
// Exit status: 0 when the process has served its time (max_use clients,
// max_idle without one, -r), or the master has closed its end of the status
// channel; 1 for every failure, told in the log. A signal that ends the process
// is its status.
package main

import (
	"os"

	"postloop/services/skeleton"
	"postloop/services/spawn"
)

func main() {
	os.Exit(skeleton.Run(spawn.Program()))
}
