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
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestScripts plays testdata/script/*.txt. A script is lines, one command
// each, and below them the files that it begins with, each behind a line
//
//	-- NAME --
//
// Paths are relative to a directory of the script's own, whose bin has master
// and the daemons of daemons_test.go. In all of it @DIR@ stands for that
// directory, @PORT@ and @PORT2@ for free ports of 127.0.0.1, @TAKEN@ for one
// that is not free, @PROTOCOLS@ for the inet_protocols that are there, and
// @LOCALHOST@ for [::1] where that is one of them, or else 127.0.0.1. A line that begins with [root], [ipv6] or [pidns], or [!root] and so on,
// counts only where that is so. The commands are those in the table below; a
// regular expression is the rest of its line.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	must(t, err)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			must(t, err)
			newStage(t).play(file, string(text))
		})
	}
}

var commands = map[string]func(s *stage, rest string) error{
	// Processes.
	"start": (*stage).start, // [FILE] OPTIONS: starts the master, or a shell script that becomes it
	"run":   (*stage).run,   // STATUS OPTIONS: runs another one to its end
	"exit":  (*stage).exit,  // STATUS|SIGNAL: waits for the master's end; nobody may be left then
	"gone": func(s *stage, _ string) error { // waits until nobody is left
		return s.log.await(s.deadline, s.log.isOver)
	},
	"signal":   (*stage).signal,   // NAME: sends the master one
	"lockfile": (*stage).lockfile, // has the form that it must have, and names the master
	"detached": (*stage).detached, // takes the one that the lock file names for the master; it leads a session
	"leader": func(s *stage, _ string) error { // the next master leads a process group
		s.sys = &unix.SysProcAttr{Setpgid: true}
		return nil
	},
	"init": func(s *stage, _ string) error { // the next master is process 1
		s.sys = newPidNamespace()
		return nil
	},
	"skip": func(s *stage, reason string) error { // the rest of the script
		s.t.Skip(reason)
		return nil
	},
	"env": func(s *stage, rest string) error { // NAME=VALUE...: for masters to come
		s.env = append(s.env, strings.Fields(rest)...)
		return nil
	},

	// What they write.
	"log":   (*stage).expectLog, // REGEXP: waits for a line after the last that matched
	"nolog": (*stage).refuseLog, // REGEXP: matches no line so far

	// Clients.
	"dial":   (*stage).dial,   // CLIENT ADDRESS: connects
	"refuse": (*stage).refuse, // ADDRESS: cannot be connected to
	"send":   (*stage).send,   // CLIENT TEXT: a line, or a datagram
	"poke":   (*stage).poke,   // FIFO TEXT
	"expect": (*stage).expect, // CLIENT REGEXP: waits for it to come back
	"eof":    (*stage).eof,    // CLIENT: waits for the other end to close
	"silent": (*stage).silent, // CLIENT: nothing has come that was not expected
	"close":  (*stage).close,  // CLIENT

	// Files.
	"copy":  (*stage).copy, // FROM TO: TO is old enough for a reload
	"touch": (*stage).touch,
	"remove": func(s *stage, name string) error {
		return os.Remove(filepath.Join(s.dir, name))
	},
	"file": (*stage).file, // NAME REGEXP: matches all of it
}

// play runs a script to its end or to the first line that fails.
func (s *stage) play(file, text string) {
	s.t.Helper()
	head, files := text, ""
	if i := strings.Index("\n"+text, "\n-- "); i >= 0 {
		head, files = text[:i], text[i:]
	}
	must(s.t, s.unpack(files))
	for i, line := range strings.Split(head, "\n") {
		line = strings.TrimSpace(s.expand(line))
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			condition, rest, _ := strings.Cut(line[1:], "]")
			if !s.holds(condition) {
				continue
			}
			line = strings.TrimSpace(rest)
		}
		name, rest, _ := strings.Cut(line, " ")
		command, known := commands[name]
		if !known {
			s.t.Fatalf("%s:%d: unknown command %q", file, i+1, name)
		}
		if err := command(s, strings.TrimSpace(rest)); err != nil {
			s.t.Fatalf("%s:%d: %s: %v", file, i+1, line, err)
		}
	}
}

// unpack makes the files of a script.
func (s *stage) unpack(text string) error {
	for part := range strings.SplitSeq("\n"+text, "\n-- ") {
		name, content, ok := strings.Cut(part, " --\n")
		if !ok {
			continue // before the first
		}
		if err := s.write(name, content+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) holds(condition string) bool {
	word, not := strings.CutPrefix(condition, "!")
	switch word {
	case "root":
		return not != (os.Getuid() == 0)
	case "ipv6":
		return not != hasIPv6()
	case "pidns":
		return not != hasPidNamespaces()
	}
	s.t.Fatalf("unknown condition %q", condition)
	return false
}

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
