// SPDX-License-Identifier: ISC

// Command qmail-lspawn is qmail's qmail-lspawn(8): it makes the local
// deliveries that qmail-send asks for. qmail-start starts it; nobody else has
// reason to.
//
//	qmail-lspawn defaultdelivery [queue directory]
//
// Settings are in the environment: see docs/qmail-lspawn.md.
//
// Exit status: 0 when qmail-send has closed the descriptor that commands come
// from, and all deliveries have been reported; 100 without a default delivery;
// 111 if anything else is missing. Descriptor 0 is for commands, 1 for reports.
package main

import (
	"os"

	"postloop/services/lspawn"
)

func main() {
	os.Exit(lspawn.Run(os.Args, os.Environ(), restoredLimits()))
}
