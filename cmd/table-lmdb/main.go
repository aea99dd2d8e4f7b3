// SPDX-License-Identifier: ISC

// Command table-lmdb does the work of one lmdb: table that can be written, for
// proxymap under the name of proxywrite, which starts it; nobody else has reason
// to. It lies where proxymap does, or in proxymap_worker_directory. It loads
// liblmdb.so.0 when it is started.
//
// It ends when proxymap has closed the connection, and what it is doing is done;
// signals that ask it to are ignored.
//
// Exit status: 0 when proxymap has closed the connection; 1 for every failure,
// told on standard error, which proxymap logs; 64 when it is started by hand.
package main

import (
	"postloop/services/table/worker"
	"postloop/services/table/worker/lmdb"
)

func main() { worker.MainOfWriter(lmdb.Open) }
