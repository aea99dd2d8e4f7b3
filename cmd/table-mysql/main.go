// SPDX-License-Identifier: ISC

// Command table-mysql does the work of one mysql: table for proxymap, which
// starts it; nobody else has reason to. It lies where proxymap does, or in
// proxymap_worker_directory.
//
// Exit status: 0 when proxymap has closed the connection; 1 for every failure,
// told on standard error, which proxymap logs; 64 when it is started by hand.
package main

import (
	"postloop/services/table/worker"
	"postloop/services/table/worker/mysql"
)

func main() { worker.Main(mysql.Open) }
