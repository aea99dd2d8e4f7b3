// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"time"

	"postloop/master/maillog"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// record is what a service has been through: numbers, so that an event costs no
// memory. A service to which nothing has happened has none.
type record struct {
	starts  uint64
	exits   report.Exits
	clients uint64 // of a hosted service
	refused uint64

	knocked   time.Duration // when a process was started for a client, since master's own start; 0: no client waits for one
	waits     uint64        // of those who knocked for a new process, or waited in the queue
	waited    time.Duration
	longWaits time.Duration
	lastWait  time.Duration

	throttles uint64

	fault  fault // the last one
	reason fault // of the throttle
}

// fault is something that went wrong.
type fault struct {
	when int64 // nanoseconds since 1970
	pid  int32
	code int32 // an exit status, a signal, an error number
	kind faultKind
}

type faultKind uint8

const (
	noFault faultKind = iota
	exitFault
	signalFault
	execFault
	forkFault
)

// past returns s's record, which is made if there is none.
func (s *service) past() *record {
	if s.record == nil {
		s.record = &record{}
	}
	return s.record
}

// blame remembers what went wrong with s last.
func (s *service) blame(kind faultKind, pid, code int) {
	s.past().fault = fault{when: s.m.loop.Now().UnixNano(), kind: kind, pid: int32(pid), code: int32(code)}
}

// wait counts a client that had to.
func (r *record) wait(d time.Duration) {
	r.waits++
	r.waited += d
	r.longWaits = max(r.longWaits, d)
	r.lastWait = d
}

// age is how long master has been there, and never 0.
func (m *Master) age() time.Duration { return max(1, m.loop.Now().Sub(m.born)) }

// awaited reports whether a client has knocked for whom a process was started.
func (r *record) awaited() bool { return r != nil && r.knocked > 0 }

// answered takes note that a process has a client. It need not be the one that was
// started for the client who knocked: another may have become idle before.
func (r *record) answered(now time.Duration) {
	if r.awaited() {
		r.wait(now - r.knocked)
		r.knocked = 0
	}
}

// gaveUp takes note that a process has ended without having had a client: one that
// knocked has to knock again, if it is still there.
func (r *record) gaveUp() {
	if r != nil {
		r.knocked = 0
	}
}

// text is the fault in the words of the log.
func (f fault) text(s *service) string {
	switch f.kind {
	case exitFault:
		return fmt.Sprintf("process %s pid %d exit status %d", s.path, f.pid, f.code)
	case signalFault:
		return fmt.Sprintf("process %s pid %d killed by signal %d", s.path, f.pid, f.code)
	case execFault:
		return fmt.Sprintf("exec %s: %s", s.path, maillog.Strerror(unix.Errno(f.code)))
	case forkFault:
		return fmt.Sprintf("fork: %s", maillog.Strerror(unix.Errno(f.code)))
	case noFault:
	}
	return ""
}

// errnoOf is the number of err, 0 if it has none.
func errnoOf(err error) int {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return int(errno)
	}
	return 0
}
