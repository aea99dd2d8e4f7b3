// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// Bounds of the queue, and how long an absent socket is left alone.
const (
	maxQueued      = 1000
	maxQueuedBytes = 256 << 10
	retryAfter     = time.Second
)

// framing is what ends a line, or why nothing has to.
type framing uint8

const (
	datagram  framing = iota // the datagram does
	nulEnded                 // a stream to syslogd
	lineEnded                // a file
)

// sink is a destination and the lines on their way to it.
type sink struct {
	dest    Dest
	process string // signs the line that tells of lost ones
	now     func() time.Time
	hook    func()
	tap     func(tag, severity, text string)

	fd       int  // -1: none
	shared   bool // inherited: not ours to close or to change
	fallback bool // postlogd's file, for want of postlogd
	framing  framing
	retry    time.Time // no attempt to connect, or to leave the file, before that

	deaf os.FileInfo // the socket that postlogd did not listen on; nil: there was none

	queue   []record // the first one may be written in part
	bytes   int      // of text in queue
	line    []byte   // the first one, as it is being written
	off     int      // how much of line is written
	torn    torn
	waiting bool      // for fd to become writable
	told    int       // the last value of wanted that hook was called for
	stuck   time.Time // since when lines wait for what nothing tells of; zero: they do not
	busy    bool      // drain is at work further up: hook writes lines too

	lost  int    // since the last line was queued
	total uint64 // lost ever
}

func newSink(d Dest, process string) *sink {
	_ = d.complete() // what the environment says needs no Facility or Format
	return &sink{dest: d, process: process, now: time.Now, fd: -1, told: -1}
}

func (s *sink) open(d Dest) error {
	if err := d.complete(); err != nil {
		return err
	}
	fd := -1
	if d.Kind == File {
		var err error
		if fd, err = d.openFile(); err != nil {
			return err
		}
	}
	if _, _, given := d.given(); d.Kind == Postlog && d.File != "" && !given {
		// A file that cannot be opened is a mistake of the operator, who must
		// hear of it now, not on the day when the file is needed.
		probe, err := d.openFile()
		if err != nil {
			return err
		}
		_ = syscall.Close(probe)
	}
	d.upgrade()
	s.drain()
	s.disconnect()
	s.dest, s.retry = d, time.Time{}
	if fd >= 0 {
		s.fd, s.framing = fd, lineEnded
	}
	s.connect()
	s.drain()
	return nil
}

// put takes one more line in, or counts it.
func (s *sink) put(r record) {
	if s.full() {
		s.drain()
	}
	if s.full() {
		s.lose(1)
		return
	}
	if s.lost > 0 {
		s.push(s.notice())
	}
	s.push(r)
	s.drain()
}

func (s *sink) pending() int { return len(s.queue) }

func (s *sink) full() bool { return len(s.queue) >= maxQueued || s.bytes >= maxQueuedBytes }

func (s *sink) push(r record) {
	s.queue = append(s.queue, r)
	s.bytes += len(r.text)
}

func (s *sink) pop() {
	s.bytes -= len(s.queue[0].text)
	s.off = 0
	s.queue[0] = record{} // its texts must not outlive it
	if len(s.queue) == 1 {
		s.queue = s.queue[:0]
		return
	}
	s.queue = s.queue[1:]
}

func (s *sink) lose(n int) {
	s.lost += n
	s.total += uint64(n)
}

// giveUp counts what is queued as lost, for one line to tell of instead. Two
// stay: one that is written in part, and the last, which may say why the process
// ends.
func (s *sink) giveUp() {
	first := 0
	if s.off > 0 || s.torn.off > 0 {
		first = 1
	}
	end := len(s.queue) - 1
	if end-first < 2 { // to say so would take as long
		return
	}
	last := s.queue[end]
	for _, r := range s.queue[first:end] {
		s.bytes -= len(r.text)
		if s.lost += r.lost; r.lost == 0 {
			s.lose(1)
		}
	}
	s.bytes -= len(last.text)
	clear(s.queue[first:])
	s.queue = s.queue[:first]
	s.push(s.notice())
	s.push(last)
}

// notice returns the line that stands for those lost since the last one was
// queued.
func (s *sink) notice() record {
	l := Logger{sink: s, process: s.process, pid: os.Getpid()}
	r := l.record(warning, "%d log lines lost: their destination did not take them in time", s.lost)
	r.lost = s.lost
	s.lost = 0
	return r
}

// drain writes queued lines while that can be done without waiting.
func (s *sink) drain() {
	if s.busy {
		return
	}
	s.busy = true
	for queued := -1; len(s.queue) != queued; { // again if hook wrote lines
		s.waiting = false
		for s.more() && s.send(&s.queue[0]) {
			s.pop()
		}
		queued = len(s.queue)
		s.mind()
	}
	s.busy = false
}

// more reports whether a line waits, and makes one of those that were lost
// when all others are out.
func (s *sink) more() bool {
	if len(s.queue) == 0 && s.lost > 0 {
		s.push(s.notice())
	}
	return len(s.queue) > 0
}

// send writes what is left of r, and reports whether it is done with.
func (s *sink) send(r *record) bool {
	for reconnected := false; ; {
		if !s.connect() {
			return false
		}
		if s.off == 0 && !s.mend() {
			s.format(r)
		}
		if s.shared && !writable(s.fd) {
			s.waiting = true
			return false
		}
		n, err := syscall.Write(s.fd, s.line[s.off:])
		if errors.Is(err, syscall.EMSGSIZE) && s.dest.Kind == Journal {
			if err = sendFile(s.fd, s.line); err == nil {
				return true
			}
		}
		switch {
		case err == nil && n > 0:
			if s.off += n; s.off >= len(s.line) {
				return true
			}
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			s.waiting = true
			return false
		case errors.Is(err, syscall.EMSGSIZE):
			if r.lost == 0 {
				s.lose(1)
			}
			return true
		case errors.Is(err, syscall.ENOBUFS), s.framing == lineEnded, reconnected:
			// Nothing would tell when it works again: a full queue on BSD is
			// writable all the same, and so is a full disk. The next line tries.
			return false
		default:
			s.disconnect()
			reconnected = true
		}
	}
}

// format makes r the line that is being written.
func (s *sink) format(r *record) {
	b := s.line[:0]
	switch {
	case s.dest.Kind == Syslog:
		b = r.appendSyslog(b, facilities[s.dest.Facility])
	case s.dest.Kind == Journal:
		b = r.appendJournal(b, facilities[s.dest.Facility])
	case s.dest.Format == JSON:
		b = r.appendJSON(b)
	default:
		b = r.appendText(b, s.dest.Host)
	}
	switch s.framing {
	case datagram:
	case nulEnded:
		b = append(b, 0)
	case lineEnded:
		b = append(b, '\n')
	}
	s.line = b
}
