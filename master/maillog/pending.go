// SPDX-License-Identifier: ISC

package maillog

import "time"

// Bounds of the time between attempts that no line gives the occasion for.
const (
	minRetry = retryAfter
	maxRetry = 10 * time.Second
)

// OnPending makes f the function that is called after FD has begun to return
// something else, before a descriptor that it returned is closed, and when
// attempts become due or are due no more. f watches what FD returns now, or
// stops watching if that is -1, and sets or stops a timer as RetryIn says.
func (l *Logger) OnPending(f func()) { l.sink.hook = f }

// Pending reports whether lines are queued.
func (l *Logger) Pending() bool { return l.sink.pending() > 0 }

// FD returns the descriptor which, once writable, would take the queued lines;
// then Flush is to be called. It is -1 if there are none, or if no descriptor
// would tell; see RetryIn. The descriptor stays the logger's own.
func (l *Logger) FD() int { return l.sink.wanted() }

// RetryIn returns after what time Flush should be called, and then RetryIn
// again, where lines are queued and no descriptor tells when they would be
// taken: the socket is not there, or the disk is full. It is a second at first and
// ten in the end. Without such lines due is false, and no timer is needed.
func (l *Logger) RetryIn() (d time.Duration, due bool) {
	s := l.sink
	if s.stuck.IsZero() {
		return 0, false
	}
	return min(max(s.now().Sub(s.stuck), minRetry), maxRetry), true
}

// Flush writes as many queued lines as can be written without waiting. What
// was absent is tried again at once.
func (l *Logger) Flush() { l.sink.flush() }

// Drain is Flush for a process about to end: it waits for the reader, but
// no longer than limit. The last quarter of that is for the last line, and for
// one that tells how many are missing before it.
func (l *Logger) Drain(limit time.Duration) {
	deadline := time.Now().Add(limit)
	l.drain(deadline.Add(-limit / 4))
	if l.FD() >= 0 { // somebody reads, or nothing can be told
		l.sink.giveUp()
		l.drain(deadline)
	}
}

// drain is Flush until nothing is left, or nothing to wait for, or no time.
func (l *Logger) drain(deadline time.Time) {
	for l.Flush(); l.FD() >= 0; l.Flush() {
		left := time.Until(deadline)
		if left <= 0 || await(l.FD(), left) != nil {
			return
		}
	}
}

// Lost returns how many lines have been given up so far.
func (l *Logger) Lost() uint64 { return l.sink.total }

func (s *sink) flush() {
	s.retry = time.Time{}
	s.drain()
}

// wanted returns the descriptor whose writability would help.
func (s *sink) wanted() int {
	if s.waiting {
		return s.fd
	}
	return -1
}

// mind notes what the lines wait for that are left, and calls hook if that is
// something else than before.
func (s *sink) mind() {
	was := s.stuck
	switch {
	case len(s.queue) == 0 || s.waiting:
		s.stuck = time.Time{}
	case was.IsZero():
		s.stuck = s.now()
	}
	if was.IsZero() != s.stuck.IsZero() {
		s.call()
		return
	}
	s.tell()
}

// tell calls hook if wanted has changed since it was last called.
func (s *sink) tell() {
	if s.wanted() != s.told {
		s.call()
	}
}

func (s *sink) call() {
	s.told = s.wanted()
	if s.hook != nil {
		s.hook()
	}
}
