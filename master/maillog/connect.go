// SPDX-License-Identifier: ISC

package maillog

import (
	"os"
	"syscall"
	"time"
)

// connect makes sure that there is something to write to, and in fallback
// looks for something better. What is not there is not asked for at every line.
func (s *sink) connect() bool {
	if s.fd >= 0 && !s.fallback || !s.mayRetry() && !s.appeared() {
		return s.fd >= 0
	}
	switch s.dest.Kind {
	case Stdout:
		s.openStdio(1)
	case Stderr:
		s.openStdio(2)
	case File:
		s.reopen()
	case Syslog:
		s.connectSyslog()
	case Postlog:
		s.connectPostlog()
	case Journal:
		s.connectJournal()
	}
	return s.fd >= 0
}

func (s *sink) connectSyslog() {
	fd, stream, err := dialSyslog(s.dest.Path)
	if err != nil {
		s.retryLater()
		return
	}
	s.fd, s.framing = fd, datagram
	if stream {
		s.framing = nulEnded
	}
}

// connectPostlog prefers postlogd to its file: the server is a child of ours,
// as a rule, and will be back.
func (s *sink) connectPostlog() {
	s.deaf, _ = os.Lstat(s.dest.Path) // first this: what comes while we knock is another one
	if fd, err := dial(s.dest.Path, syscall.SOCK_DGRAM); err == nil {
		s.disconnect() // from the file
		s.fd, s.framing = fd, datagram
		return
	}
	s.retryLater()
	if s.fallback || s.dest.File == "" {
		return
	}
	s.reopen()
	s.fallback = s.fd >= 0
}

// appeared reports whether postlogd's socket is another than the one that
// nobody listened on. In a master, which makes it, the next line is to start
// postlogd.
func (s *sink) appeared() bool {
	if s.dest.Kind != Postlog {
		return false
	}
	now, err := os.Lstat(s.dest.Path)
	return err == nil && (s.deaf == nil || !os.SameFile(now, s.deaf) || !now.ModTime().Equal(s.deaf.ModTime()))
}

func (s *sink) reopen() {
	if fd, _, ok := s.dest.given(); ok {
		s.openStdio(fd)
		return
	}
	fd, err := s.dest.openFile()
	if err != nil {
		s.retryLater()
		return
	}
	s.fd, s.framing = fd, lineEnded
}

func (s *sink) mayRetry() bool { return s.retry.IsZero() || !s.now().Before(s.retry) }

func (s *sink) retryLater() { s.retry = s.now().Add(retryAfter) }

// disconnect lets go of the descriptor, but not before it is unwatched.
func (s *sink) disconnect() {
	busy := s.busy
	s.busy = true // a line from hook must not revive the connection
	s.waiting = false
	s.tell()
	s.busy = busy
	s.tear()
	if s.fd >= 0 && !s.shared {
		_ = syscall.Close(s.fd)
	}
	s.fd, s.shared, s.fallback = -1, false, false
	s.retry = time.Time{}
}
