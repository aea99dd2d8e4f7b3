// SPDX-License-Identifier: ISC

// Package worker is the inside of a process that does the work of one table
// which would keep a loop waiting: one with a database's driver, or a library,
// in it. Each such driver is a package below this one, and a program of its own
// named table-TYPE, so that nobody pays for a driver that he does not use.
//
// # Order
//
// A worker is started with a socket as its descriptor 0. Over that it is told
// its settings, and opens the table; from then on it is asked one thing at a time
// and answers it. It has one connection to its database, which it makes when it
// needs one. When the socket ends, so does the worker.
//
// A table that is written is asked "put", "delete", "first" and "next" besides
// "get", by a table that has one such worker only. What a request needs to know of
// its flags it has in words.
//
// The messages are those of wire.AppendList. Settings are name, value, name,
// value; the answer is one string, empty or an error. A request is a deadline,
// the name of an operation and what it needs. The answer is a status, the number
// of lines for the log, these lines, and the values.
//
// # Failures
//
// An error is the answer to the request that met it: "not now", unless it is one
// of ConfigError. What the log should know besides goes with the answer: a worker
// has no log of its own. A panic ends the process; whoever has started it logs
// what it says, and starts another.
//
// A request that is not answered in time has the worker killed. Drivers are told
// to give up earlier, by a context, so that they can end what they have begun. A
// worker that writes is not killed: it has time to come to the end of a change,
// even when nobody is left who waits for it. Its program has MainOfWriter.
//
// # See also
//
// Package table, which starts workers; mysql_table(5) and its like.
package worker
