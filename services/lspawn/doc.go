// SPDX-License-Identifier: ISC

// Package lspawn delivers the local mail of qmail: it is qmail-lspawn(8).
//
// qmail-send writes commands, each a number, a message and its addresses, and
// reads one report for each, in whatever order they come. What happens to a
// command, in order: what can be refused at once is (check.go); its message is
// opened; with AUTHSELF a process has to say who the recipient of a virtual domain
// is (lookup.go, virtual.go, authself.go); the local part of the address becomes a user, by users/cdb or by
// qmail-getpw (assign.go, getpw.go, passwd.go); qmail-local runs as that user,
// with the message as its input (local.go); its end and its output become the
// report (verdict.go). delivery.go has the stages.
//
// Nothing here waits: what can take long is a child process whose output is
// read on the loop (process.go). A delivery that waits holds up no other.
//
// # Protocol
//
// There are three, which nothing on the wire tells apart: see Protocol. What
// came in is cut into commands by Scanner, wherever it was cut on its way.
//
// # Ownership
//
// Serve's descriptors stay the caller's. The message is open from the command
// until qmail-local has it. Nobody changes the environment of this process:
// what a delivery adds is its child's alone.
//
// # Failures
//
// Whatever goes wrong with a delivery is its report, in qmail's words, and only
// its own. What goes wrong before the first command is Run's exit status: there
// is no log, but for why a user of a virtual domain could not be looked up.
//
// # Limits
//
// A qmail-local that does not end holds its number for ever, as with the
// original: nobody knows whether it has delivered. What qmail-local leaves
// behind that holds its output is waited for, but not beyond Config.Held.
//
// # See also
//
// qmail-lspawn(8), qmail-send(8), qmail-local(8), qmail-getpw(8),
// qmail-users(5) of qmail, netqmail, notqmail and IndiMail
package lspawn
