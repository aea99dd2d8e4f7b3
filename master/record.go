// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"time"

	"postloop/master/handover"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// record is what a service has been through. One to which nothing has happened
// has none. It is what another program in this one's place is told, as it is:
// nothing can be added here and forgotten there.
type record struct{ handover.Record }

// past returns s's record, which is made if there is none.
func (s *service) past() *record {
	if s.record == nil {
		s.record = &record{}
	}
	return s.record
}

// blame remembers what went wrong with s last.
func (s *service) blame(kind handover.FaultKind, pid, code int) {
	s.past().Fault = handover.Fault{When: s.m.loop.Now().UnixNano(), Kind: kind, Pid: int32(pid), Code: int32(code)}
}

// wait counts a client that had to.
func (r *record) wait(d time.Duration) {
	r.Waits++
	r.Waited += d
	r.LongWaits = max(r.LongWaits, d)
	r.LastWait = d
}

// age is how long master has been there, and never 0.
func (m *Master) age() time.Duration { return max(1, m.loop.Now().Sub(m.born)) }

// awaited reports whether a client has knocked for whom a process was started.
func (r *record) awaited() bool { return r != nil && r.Knocked > 0 }

// answered takes note that a process has a client. It need not be the one that was
// started for the client who knocked: another may have become idle before.
func (r *record) answered(now time.Duration) {
	if r.awaited() {
		r.wait(now - r.Knocked)
		r.Knocked = 0
	}
}

// gaveUp takes note that a process has ended without having had a client: one that
// knocked has to knock again, if it is still there.
func (r *record) gaveUp() {
	if r != nil {
		r.Knocked = 0
	}
}

// faultText is a fault of s in the words of the log.
func faultText(f handover.Fault, s *service) string {
	switch f.Kind {
	case handover.ExitFault:
		return fmt.Sprintf("process %s pid %d exit status %d", s.path, f.Pid, f.Code)
	case handover.SignalFault:
		return fmt.Sprintf("process %s pid %d killed by signal %d", s.path, f.Pid, f.Code)
	case handover.ExecFault:
		return fmt.Sprintf("exec %s: %s", s.path, maillog.Strerror(unix.Errno(f.Code)))
	case handover.ForkFault:
		return fmt.Sprintf("fork: %s", maillog.Strerror(unix.Errno(f.Code)))
	case handover.NoFault:
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
