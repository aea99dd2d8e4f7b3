// SPDX-License-Identifier: ISC

// Package skeleton is what every daemon does that a master starts, Postfix's
// or ours: it reads options and configuration, gives up privileges, accepts
// clients, tells the master about it, and ends in time. What is done for a
// client is the business of a Service.
//
// # Order
//
// A process starts as Postfix's do, in their order: logging as the environment
// says; main.cf; options, whose -o go before main.cf; parameters; logging as
// they say; whether a terminal is there that should not; what the program
// requires (Options.Check, then the process limit and the privileges); the
// transport; the generation; debugger_command; the queue directory; group,
// root directory, user; Options.Start or Serve. Then it serves.
//
// A Service has one client, and while that is there no other. The master learns
// "taken" before the service gets the client, and "available" when it is done
// with it. A Server has many clients, on connections of the loop (Clients): its
// process accepts all the time, and what the master learns is said at the type
// many. A master that does not read makes nobody wait: the records do, and at
// most two of them.
//
// # The end
//
// The process exits with status 0 when the status channel ends, has been
// readable or does not take "available"; after max_use clients; when no
// client has come for max_idle; and -r seconds after its start. A client that is
// being served is served to its end first. So are many, but that when the status
// channel ends each connection is closed as soon as nothing is due on it, in
// application_event_drain_time at the latest. It exits with status 1, a second
// after it has logged why, when it cannot start, when its service says so, and,
// unless many clients depend on it, with the thirteenth error that it logs; that second is a pause in which
// nothing else happens. SIGTERM and the like end it at once.
//
// # Many processes, one socket
//
// Postfix's processes queue for a lock file, so that one at a time looks at
// the socket. Here all look, and the kernel wakes one of them for a client
// (loop's Listener.Exclusive). All see the end of the status channel at the
// same time.
//
// # Ownership
//
// The descriptors that the master gave are close-on-exec from the start, and
// otherwise as they were: their modes are shared with other processes. A
// client's descriptor is the service's from Accepted on.
//
// # Limits
//
// A fifo has no clients, and is for a third kind of daemon. A Server has no pass
// services. A pid/TRANSPORT.NAME file is not locked, so processes of
// Postfix's and of ours should not share a service.
//
// # See also
//
// Package proto; Postfix's src/master/single_server.c and multi_server.c.
package skeleton
