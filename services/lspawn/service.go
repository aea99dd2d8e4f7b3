// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// readSize is how much is read at once, of commands and of output.
const readSize = 16 << 10

// Service makes the deliveries that a qmail-send asks for.
type Service struct {
	loop    *loop.Loop
	c       *Config
	in      int         // commands
	input   *loop.Watch // nil: their end was seen
	scanner *Scanner
	out     reports
	slots   []*delivery // by number; nil: free
	running int         // of them
	users   assignments
	passwd  passwd
	known   answers
	cmd     loop.Cmd // of a qmail-local, used again and again
	env     []string // the room for its environment
	buf     []byte   // the room for a read
	null    int      // /dev/null
	left    func()
}

// Serve announces the service on the descriptor out, and makes the deliveries
// that commands on in ask for. When there are no more commands, and every one
// has been reported, it calls left. The current directory is that of messages:
// queue/mess.
//
// The descriptors stay the caller's, who may close them after left.
func Serve(l *loop.Loop, c *Config, in, out int, left func()) (*Service, error) {
	s := &Service{
		loop: l, c: c, in: in, scanner: NewScanner(c.Protocol), slots: make([]*delivery, c.Limit),
		users: assignments{path: c.Assign, fd: -1}, buf: make([]byte, readSize), left: left,
	}
	s.passwd.path = c.Passwd
	s.known = answers{lasts: c.Cache, now: l.Now}
	s.cmd = loop.Cmd{Path: c.Local, Dir: c.Dir, Rlimits: c.Rlimits, Files: make([]int, 3)}
	s.out = reports{l: l, fd: out, moved: s.moved}
	var err error
	if s.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, err
	}
	if err = s.out.open(); err == nil {
		if s.input, err = l.Watch(in, loop.Readable, s.readable); err != nil {
			s.out.close()
		}
	}
	if err != nil {
		unix.Close(s.null)
		return nil, err
	}
	s.out.send(c.Protocol.number(c.Limit))
	return s, nil
}

// readable takes in commands.
func (s *Service) readable(loop.Ready) {
	n, err := unix.Read(s.in, s.buf)
	switch {
	case n > 0:
		s.feed(s.buf[:n])
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
	default: // their end; what there is of a command is dropped
		s.input.Stop()
		s.input = nil
		s.leave()
	}
}

func (s *Service) feed(in []byte) {
	for len(in) > 0 {
		c, used, ok := s.scanner.Scan(in)
		if in = in[used:]; ok {
			s.command(&c)
		}
	}
	if s.out.waiting() > maxWaiting {
		s.input.Want(0) // whoever sends on and on is to read as well
	}
}

// command begins a delivery, or says why not.
func (s *Service) command(c *Command) {
	index := s.c.Protocol.index(c.Number)
	var report string
	switch {
	case c.TooLong:
		report = noMemory
	case index < 0:
		report = isNegative
	case index >= len(s.slots):
		report = isTooBig
	case s.slots[index] != nil:
		report = isInUse
	default:
		report = check(c)
	}
	if report != "" {
		s.report(c.Number, report)
		return
	}
	message, report := s.openMessage(c.Messid)
	if report != "" {
		s.report(c.Number, report)
		return
	}
	d := &delivery{s: s, c: *c, index: index, message: message}
	s.slots[index] = d
	s.running++
	d.begin()
}

// report says how a delivery has ended.
func (s *Service) report(number, text string) { s.out.send(number, text, "\x00") }

// free takes the slot of a delivery that has been reported.
func (s *Service) free(d *delivery) {
	s.slots[d.index] = nil
	s.running--
	s.leave()
}

// moved goes on with what may have waited for reports to be written.
func (s *Service) moved() {
	if s.input != nil && s.out.waiting() <= maxWaiting/2 {
		s.input.Want(loop.Readable)
	}
	s.leave()
}

// leave ends the service when nothing is left to do.
func (s *Service) leave() {
	if s.input != nil || s.running > 0 || s.out.waiting() > 0 || s.left == nil {
		return
	}
	left := s.left
	s.left = nil
	s.users.close()
	s.out.close()
	unix.Close(s.null)
	left()
}
