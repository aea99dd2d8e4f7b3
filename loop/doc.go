// SPDX-License-Identifier: ISC

// Package loop calls back for descriptors, timers, signals and children, one
// callback at a time, for a process that has one goroutine of its own.
//
// A Loop takes turns. In each it asks the kernel once what has happened, waits
// if it is nothing, and then makes the callbacks for it. Whatever would block
// has no place in a callback: it is a child process that reports back.
//
// # Order
//
// A turn is, in this order:
//
//   - the wait;
//   - the timers that are due, by time, and those of one time in the order
//     of setting;
//   - the descriptors, and connections that asked for their input again;
//   - signals, then exits of children, then posts, each in the order of
//     arrival;
//   - what was put off with Later;
//   - settling: each connection's queued output is written, connections that
//     were closed end.
//
// A callback never runs inside another. What a callback starts is seen no
// earlier than the next turn: a timer set for no time at all, a descriptor
// that is readable when Watch is called, a child that ends at once, a Later
// from a Later, a post from a post. What it stops is stopped at once, even if
// this turn's wait has found it: a Watch, a Timer, a Listener are silent from
// the moment that Stop is called.
//
// Two guards with one number see to that. A registration and a timer carry the
// number of the turn that they were made in, and are served in later ones
// only. An event that the wait has found for a descriptor which was then
// closed, and opened again by the next callback, meets a registration of this
// very turn and is dropped.
//
// # Time
//
// Now is the time when this turn's wait ended, the same for all of its
// callbacks, and After counts from it. Timers are exact to what the kernel
// can do (microseconds, milliseconds with an old one), and never early. With
// no timer set and nothing to do the process does not wake up at all.
//
// # Ownership
//
// All methods belong to the goroutine that is in Run or Turn; between turns,
// before Run above all, to whoever has the loop. Post is the exception: any
// goroutine may call it at any time. With the build tag loopdebug a call from
// elsewhere panics, as does stopping the watch of a descriptor that has been
// closed.
//
// A descriptor given to Watch or Listen stays the caller's: Stop first, then
// close. One given to Conn is the connection's, until Detach; it is closed
// right before Closed is called. One that accepted is given is accepted's.
// Every descriptor that the package makes is close-on-exec.
//
// In a process with a loop nobody else starts children, or waits for any.
//
// # Failures
//
// A method that can fail says so when it is called: Watch, Listen, Conn,
// Spawn. The rest cannot: Write queues, Want waits for the next turn, Close
// for the end of this one, and what the kernel says then about a connection is
// Closed's err. Misuse by our own code panics, a closed descriptor among it
// that is still watched. A panic in a callback is not recovered.
//
// # Limits
//
// Descriptors are level-triggered: a callback that leaves something is called
// again. A regular file is always ready. A signal that arrives twice before
// the loop looks is reported once. A connection that is closed while the peer
// still sends may lose its last output, as TCP has it; HalfCloser is for
// protocols that care.
//
// A Go process has threads of the runtime's beside ours, and goroutines of this
// package that do nothing but pass a signal on, one for each signal that has a
// callback, and the watchdog, which must not live in the loop that it watches.
// A runtime that cannot make a thread ends the process: ReserveThreads is for
// who has to outlive a want of processes.
//
// Where the standard library starts children (all systems but Linux on amd64
// and arm64, and there an old kernel, or a filter that denies clone3, as some
// containers have) the loop stands still until a child runs its program, for as long
// as another process of the child's new user keeps it stopped before that.
//
// # See also
//
// Postfix's util/events.c, which this answers to: its loop_instance is the
// turn's number here.
package loop
