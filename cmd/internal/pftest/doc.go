// SPDX-License-Identifier: ISC

// Package pftest runs private Postfix instances for tests, with the master
// under test in the place of Postfix's own.
//
// New makes an instance under a temporary directory: configuration, queue,
// data, log, and a daemon_directory of its own that holds copies of the
// installed daemons and the master under test. Nothing outside is written;
// the system's default instance is never touched. Start brings it up, the
// methods of Instance drive and watch it, and when the test ends every process
// of it is gone, whatever the test did.
//
// Probe is a small daemon that speaks the master's protocol by hand, reports
// how it was started and misbehaves on demand.
//
// # Waiting
//
// Nothing here sleeps. Until waits for a condition: it looks again whenever
// the log or the mailbox changes, and, because the kernel announces no change
// of the process table, at least every 20 ms.
//
// # Failures
//
// The methods take their testing.TB from New and end the test when they cannot
// do what they say. None may be called from another goroutine than the test's,
// but those that return an error.
//
// # Limits
//
// Linux (/proc, inotify), root, Postfix 3.7 or later, and a C compiler for the
// probe. Log lines go to maillog_file, not to syslog.
package pftest
