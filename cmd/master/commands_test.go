// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (s *stage) start(rest string) (err error) {
	if s.master != nil {
		<-s.ended // a script says exit first
	}
	if s.master, s.ended, err = s.launch(strings.Fields(rest)); err == nil {
		s.pid = s.master.Process.Pid
	}
	return err
}

func (s *stage) run(rest string) error {
	status, rest, _ := strings.Cut(rest, " ")
	c, ended, err := s.launch(strings.Fields(rest))
	if err != nil {
		return err
	}
	return s.finish(c, ended, status)
}

func (s *stage) exit(want string) error {
	if err := s.finish(s.master, s.ended, want); err != nil {
		return err
	}
	return s.log.await(s.deadline, s.log.isOver)
}

func (s *stage) signal(name string) error {
	n := unix.SignalNum("SIG" + name)
	if n == 0 {
		return errors.New("no such signal")
	}
	return unix.Kill(s.pid, n)
}

// lockedBy returns the number in the lock file.
func (s *stage) lockedBy() (pid int, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "run/pid/master.pid"))
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(string(text), &pid); err != nil || string(text) != fmt.Sprintf("%32d\n", pid) {
		return 0, fmt.Errorf("it holds %q", text)
	}
	return pid, nil
}

func (s *stage) lockfile(string) error {
	pid, err := s.lockedBy()
	if err == nil && pid != s.pid {
		err = fmt.Errorf("it names process %d, and the master is %d", pid, s.pid)
	}
	return err
}

func (s *stage) detached(string) error {
	pid, err := s.lockedBy()
	if err != nil {
		return err
	}
	s.pid = pid
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		return fmt.Errorf("process %d is in session %d: %w", pid, session, err)
	}
	return nil
}

func (s *stage) expectLog(rest string) error {
	re, err := regexp.Compile(rest)
	if err != nil {
		return err
	}
	return s.log.match(s.deadline, re)
}

func (s *stage) refuseLog(rest string) error {
	re, err := regexp.Compile(rest)
	for _, line := range s.log.copy() {
		if err == nil && re.MatchString(line) {
			err = errors.New(line)
		}
	}
	return err
}

func (s *stage) dial(rest string) error {
	name, addr, _ := strings.Cut(rest, " ")
	conn, err := s.connect(addr)
	if err == nil {
		s.clients[name] = &client{Conn: conn}
	}
	return err
}

func (s *stage) refuse(addr string) error {
	conn, err := s.connect(addr)
	if err == nil {
		_ = conn.Close()
		return errors.New("it is accepted")
	}
	return nil
}

// client returns the one that a line begins with, and the rest of the line.
func (s *stage) client(line string) (c *client, rest string, err error) {
	name, rest, _ := strings.Cut(line, " ")
	if c = s.clients[name]; c == nil {
		err = fmt.Errorf("no client %q", name)
	}
	return c, rest, err
}

func (s *stage) send(line string) error {
	c, text, err := s.client(line)
	if err == nil {
		_, err = c.Write([]byte(text + "\n"))
	}
	return err
}

func (s *stage) poke(rest string) error {
	path, text, _ := strings.Cut(rest, " ")
	f, err := os.OpenFile(filepath.Join(s.dir, path), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func (s *stage) expect(line string) error {
	c, text, err := s.client(line)
	if err != nil {
		return err
	}
	re, err := regexp.Compile("(?m)" + text)
	if err != nil {
		return err
	}
	return c.expect(s.deadline, re)
}

func (s *stage) eof(line string) error {
	c, _, err := s.client(line)
	if err == nil {
		err = c.expect(s.deadline, nil)
	}
	return err
}

func (s *stage) silent(line string) error {
	c, _, err := s.client(line)
	if err != nil {
		return err
	}
	if err = c.expect(time.Now(), regexp.MustCompile("(?s).")); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("it is not: %q %w", c.unread, err)
}

func (s *stage) close(line string) error {
	c, _, err := s.client(line)
	if err == nil {
		err = c.Close()
	}
	return err
}

func (s *stage) copy(rest string) error {
	from, to, _ := strings.Cut(rest, " ")
	text, err := os.ReadFile(filepath.Join(s.dir, from))
	if err != nil {
		return err
	}
	return s.write(to, string(text))
}

func (s *stage) touch(name string) error {
	now := time.Now()
	return os.Chtimes(filepath.Join(s.dir, name), now, now)
}

func (s *stage) becomes(rest string) error {
	for {
		err := s.file(rest)
		if err == nil || time.Now().After(s.deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond) // nothing announces what others write
	}
}

func (s *stage) file(rest string) error {
	name, pattern, _ := strings.Cut(rest, " ")
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	re, err := regexp.Compile(pattern)
	if err == nil && !re.Match(text) {
		err = fmt.Errorf("it holds %q", text)
	}
	return err
}
