// SPDX-License-Identifier: ISC

// Package spawn runs a command for each client: it is Postfix's spawn(8).
//
// The command gets the client as its standard input, output and error output
// and nothing else, in a session of its own, as the user that the service
// names. Not a byte of the client's is read or written on the way.
//
// Service serves clients that somebody else has accepted on the same loop: a
// master that hosts it, with no process between the listener and the command,
// or the skeleton of the daemon spawn.
//
// # Failures
//
// Parse returns what is wrong with a service's arguments in Postfix's words. A
// command that cannot be started, fails or takes too long is logged in
// Postfix's words, and its client's connection is closed.
//
// # Limits
//
// A command that puts a child of its own into another session can outlive the
// time limit there, as with Postfix.
//
// # See also
//
// spawn(8)
package spawn
