// SPDX-License-Identifier: ISC

// Command vuser-mysql looks users of virtual domains up in IndiMail's tables, for
// qmail-lspawn, which starts it; nobody else has reason to. It lies where
// qmail-lspawn does, or in QMAIL_LSPAWN_WORKERS.
//
// Exit status: 0 when qmail-lspawn has closed the connection; 1 for every
// failure, told on standard error, which qmail-lspawn logs; 64 when it is started
// by hand.
package main

import (
	"os"

	"postloop/services/lspawn/worker/mysql"
	"postloop/services/table/worker"
)

func main() { worker.Main(mysql.Open(os.Getenv)) }
