// SPDX-License-Identifier: ISC

// Package proto is what a master and the processes that it starts have agreed
// on: descriptor numbers, the status record, the generation.
//
// Both ends use it, and a process that obeys it runs under this master and
// under Postfix's. Nothing here makes a system call.
//
// # What a child is given
//
//	0 1 2    /dev/null, or what the master itself was given
//	3        FlowRead: the flow-control pipe, non-blocking
//	4        FlowWrite: its other end, non-blocking
//	5        StatusFD: the child's end of the service's status channel, blocking
//	6 ...    ListenFD: the service's listening sockets, non-blocking; as many as
//	         the -s option says, one without it
//
// Nothing else is open. The working directory is the queue directory and the
// umask is 077; SIGPIPE is ignored, all other signals have their default action
// and none is blocked. The environment holds what import_environment lets
// through, and GENERATION in octal.
//
// # Order
//
// A child counts as available from the moment it was started, so it does not
// announce itself. When it takes on work it writes one record that says Taken,
// when it is ready for more one that says Available. All children of a service
// share the one status channel, and a record is smaller than any write that
// the kernel would split, which is why a record names its process.
//
// The generation tells two processes with the same number apart: it grows by
// one with each attempt to start a process, in all services together, and a
// record whose generation is not the one that the process was started with
// comes from a predecessor. The master ignores it.
//
// The master never writes on the status channel. A child for which StatusFD
// turns readable knows that the master has closed its end: it was reloaded,
// it gave the service up, or it is gone. The child then finishes the work that
// it has and exits with status 0. It does the same when it cannot deliver
// Available; a Taken that cannot be delivered is no reason to let a client
// down.
//
// A child exits by itself, with status 0, when it has been idle for too long
// or has served enough clients. Any other status before it has ever reported
// itself available means to the master that the service cannot start, and
// holds the service back for a while.
//
// # Flow control
//
// The flow-control pipe is one for all services, as long as the master lives.
// Its contents are tokens of one byte each: the queue manager puts one in for
// each message that it takes, cleanup takes one out for each message that comes
// in and, finding none, waits a moment. The master only creates the pipe. A
// child that has no use for it must keep both ends open and non-blocking.
//
// # Limits
//
// A record is in the byte order of the machine: parent and child are always
// on the same one. A child must keep the process number it was started with,
// and its process group if it is to end with the others.
//
// # See also
//
// Postfix's src/master/master_proto.h and the daemon skeletons.
package proto
