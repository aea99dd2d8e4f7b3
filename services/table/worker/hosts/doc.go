// SPDX-License-Identifier: ISC

// Package hosts chooses the server that a table asks, of the several that its
// settings name, as mysql_table(5) and pgsql_table(5) have it, and keeps the one
// connection that a worker has.
//
// # Order
//
// List and Round choose, and do nothing else: time is told to them. A connection
// that is there is used. Without one, a host is taken at random among those over
// Unix-domain sockets, then among the others. One that could not be reached is
// left alone for a while. A request goes from host to host until one answers, and
// comes to none of them twice; a single host is taken for several behind one
// address and gets a second attempt.
//
// Client does what they say, over a driver's sessions.
//
// # Failures
//
// A session is closed after any error, so that no answer is ever taken for that
// to another request. A host is left alone only if it could not be reached: not
// because it has refused a query, or because one has taken too long. Either may
// be the key's fault.
//
// # See also
//
// mysql_table(5), pgsql_table(5): hosts, idle_interval, retry_interval.
package hosts
