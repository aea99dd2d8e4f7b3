// SPDX-License-Identifier: ISC

// Package maillog writes the log of a mail system: one line per event, in the
// form that Postfix writes and that people and tools look for.
//
// A line has one of five severities. Information has no word of its own, the
// others begin with "warning: ", "error: ", "fatal: " or "panic: ". Before the
// text stands the tag, SYSLOG_NAME/PROCESS[PID]. No text is longer than 2000
// bytes, and what cannot be printed becomes a question mark, byte for byte;
// valid UTF-8 is kept, all but its control characters.
//
// Fatalf and Panicf write a line and nothing else. To end the process is the
// business of its main function.
//
// # Destinations
//
// Until [Logger.Open] is called, lines go where the environment says: to the
// socket that POSTLOG_SERVICE names, or else to syslog. [Dest] lists the
// choices from then on. JSON, one object to a line, is there for whoever
// collects lines from a file or from the output of a container; syslog and
// postlogd get Postfix's text only. The journal gets the same text, and in
// fields of their own what the text begins with. Where standard error, or
// standard output, is a stream into the journal, as JOURNAL_STREAM says, text
// goes there in the journal's own protocol as well: the stream would have
// neither severity nor program.
//
// A socket that is not there, or whose server was restarted, is tried again
// with later lines, but not more than once in a second; Open and Flush try at
// once. In front of postlogd, lines go straight to its file while nobody
// listens on its socket; a new socket is tried by the next line.
//
// # Order
//
// No call but Drain waits for a reader, as far as the system lets us; see
// Limits. What cannot be written at once is queued, up to 1000 lines or 256
// kilobytes, and goes out first, in order, with its own time. A line that was
// taken in part goes on where it was broken off, even if its file or terminal
// was opened anew meanwhile; the next server of a stream socket gets it whole.
// Beyond the queue lines are counted instead, and one line tells their number
// at the place where they are missing, as soon as writing works again.
//
// This package knows no event loop. A program that has one sets
// [Logger.OnPending], watches what [Logger.FD] returns for writability, sets a
// timer as [Logger.RetryIn] says where there is nothing to watch, and calls
// [Logger.Flush]. Without that, each new line tries the queued ones first.
//
// # Ownership
//
// A Logger and all that were derived from it share one destination and one
// queue, and belong to one goroutine. [Logger.Clone] makes one for another
// goroutine. Sockets and files are the Logger's own; standard output and
// standard error are shared with other processes, so their modes are not
// touched: a terminal or pipe is opened a second time, with a mode of its own.
//
// # Failures
//
// Nothing that happens to a line is returned. Open returns an error for a
// destination that cannot be right, and then the previous one stays in use.
//
// # Limits
//
// A terminal or pipe cannot always be opened a second time: BSD duplicates the
// descriptor instead, and elsewhere /proc may be missing, or the permission.
// Then a line is written when select says that there is room. A terminal says
// so when there is room for less, and another process may fill what there is
// before the write; either can make the write wait. So can a line longer than
// PIPE_BUF, which is 4096 bytes (never exceeded) on Linux but 512 elsewhere.
//
// A file on a slow disk makes every writer wait.
//
// Drain does not wait on Darwin for a descriptor above 1023, which its select
// refuses.
//
// # See also
//
// Postfix's msg_syslog(3), msg_logger(3) and postlogd(8); systemd's sd_journal_send(3).
package maillog
