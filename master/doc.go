// SPDX-License-Identifier: ISC

// Package master keeps the configured services running: it is Postfix's
// master(8) as a library on one event loop.
//
// # How it works
//
// Master opens the endpoint of every service. While no process of a service
// is idle, master watches the endpoint itself; when somebody knocks it starts
// one process, which inherits the endpoint and accepts. The process reports
// over its status channel when it is taken and when it is available again
// (package proto), and one rule, wantListen, is asked again after every change.
//
// A hosted service has no process between the client and what serves it:
// master accepts and calls back (Hosted). Who is let in, and who waits, may be
// decided before (gate).
//
// # Reload
//
// A new configuration is a transaction: it is resolved, checked and bound in
// full before anything that runs is touched. On any error all of it is undone
// and everything keeps running. Stopping the processes of a removed service
// is asynchronous: TERM, later KILL, while all others are served.
//
// # Ownership
//
// Everything belongs to the loop's goroutine. Master owns the endpoints,
// status channels and the flow-control pipe, all close-on-exec; a process
// receives copies under the numbers of package proto.
//
// # Failures
//
// What the system or a process does wrong is logged, in Postfix's words where
// Postfix has the event, and throttles at most the one service. What a
// process reports is gossip: reports that make no sense are logged and
// ignored. Master's own inconsistencies panic.
//
// # See also
//
// master(8), master(5), and docs/differences.md for what is done otherwise
// than in Postfix, and why.
package master
