// SPDX-License-Identifier: ISC

// Package rivals knows the servers that are compared: where each is found, and
// how each is made to run a command per connection. Every one is started in
// the foreground, with a directory and a process tree of its own, and is gone
// when Stop returns.
//
// What they are asked for is the same, as far as they can: the command runs as
// another user, so many at once, the connection as its standard input and
// output, no look-ups of names, no line in a log for a connection that went
// well.
package rivals
