// SPDX-License-Identifier: ISC

// Command vuser-library has a shared library look users of virtual domains up, for
// qmail-lspawn, which starts it; nobody else has reason to. It lies where
// qmail-lspawn does, or in QMAIL_LSPAWN_WORKERS. Unlike all other programs here it
// is linked dynamically.
//
// Exit status: 0 when qmail-lspawn has closed the connection, or when another
// library is to be loaded; 1 for every failure, told on standard error, which
// qmail-lspawn logs; 64 when it is started by hand. A library may end it as well.
package main

import (
	"os"

	"postloop/services/lspawn/worker/library"
	"postloop/services/table/worker"
)

func main() { worker.Main(library.Open(os.Getenv)) }
