// SPDX-License-Identifier: ISC

// Package loop calls back for descriptors, timers, signals and children, one
// callback at a time, for a process that has one goroutine of its own.
//
// A Loop takes turns. In each it asks the kernel once what has happened, waits
// if it is nothing, and then makes the callbacks for it. Whatever would block
// has no place in a callback: it is a child process that reports back.
//
// # A program
//
// New makes a loop, a few methods say what is to happen when, and Run does it
// until somebody calls Stop. The first example is a whole server. What can be
// waited for:
//
//   - a client: Listen, and then Conn for a conversation with it, or Spawn for
//     a program that has it as its input and output;
//   - bytes, and room for bytes: Conn reads and writes by itself, and gives its
//     Handler what has come in until that has used it;
//   - any other descriptor: Watch says when it is ready, and reads nothing;
//   - a time: After;
//   - the end of a process: Spawn, and OnOrphan for those of others;
//   - a signal: OnSignal;
//   - something that another goroutine has for us: Post;
//   - the end of this turn's callbacks: Later.
//
// None of them makes the process wake up while nothing happens. What guards
// the loop against its own callbacks is asked for: OnStall tells of one that
// took too long when it has returned, Watchdog of one that does not return.
//
// State is in the fields of whatever has the callbacks. Since one runs at a time,
// to its end, there is nothing to lock, and between two of them everything is
// as the last one left it.
//
// # Conversations
//
// Data of a Handler looks at the input from the beginning of what is not used
// yet: as long as a request is not whole it returns 0, and is called again with
// more. So a protocol needs no state for half a request, and its parser can be a
// function of bytes. Limits bound what that may cost, and how long a peer may
// be silent.
//
// Write never fails and never waits: it queues, and the turn's end sends, once
// for all answers of the turn. Close does not end anything either before
// then, so a Conn is good to use until Closed has been called for it. Where an
// answer has to wait for something, Data returns with the request unused after
// a Hold; whoever has the answer writes it and calls Again, and Data, called
// with the same request, says that it is used. The example of Hold does that.
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
// who has to outlive a want of processes. And because there are several threads,
// Linux makes the process wait for milliseconds whenever its table of descriptors
// has to grow: ReserveDescriptors has that happen once, and early.
//
// Where the standard library starts children (all systems but Linux on amd64
// and arm64, and there an old kernel, or a filter that denies clone3, as some
// containers have) the loop stands still until a child runs its program, for as long
// as another process of the child's new user keeps it stopped before that.
//
// # Testing
//
// Package looptest has loops whose time a test moves by hand, pairs of connected
// sockets, and a look at the end whether anything has been left open.
//
// # See also
//
// Postfix's util/events.c, which this answers to: its loop_instance is the
// turn's number here.
package loop
