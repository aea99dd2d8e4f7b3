// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScripts plays testdata/script/*.txt. A script is lines, one command
// each, and below them the files that it begins with, each behind a line
//
//	-- NAME --
//
// Paths are relative to a directory of the script's own, whose bin has master
// and the daemons of daemons_test.go. In all of it @DIR@ stands for that
// directory, @UID@ for who runs the test, @PORT@ and @PORT2@ for free ports of 127.0.0.1, @TAKEN@ for one
// that is not free, @PROTOCOLS@ for the inet_protocols that are there, and
// @LOCALHOST@ for [::1] where that is one of them, or else 127.0.0.1. A line
// that begins with [root], [linux], [ipv6] or [pidns], or [!root] and so on, counts only
// where that is so. The commands are those in the table below; a regular
// expression is the rest of its line.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
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
	"rename": func(s *stage, rest string) error { // FROM TO
		from, to, _ := strings.Cut(rest, " ")
		return os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to))
	},
	"empty": func(s *stage, name string) error { // truncates it
		return os.Truncate(filepath.Join(s.dir, name), 0)
	},
	"file":    (*stage).file,    // NAME REGEXP: matches all of it
	"becomes": (*stage).becomes, // NAME REGEXP: waits until it does
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
	case "linux":
		return not != (runtime.GOOS == "linux")
	case "ipv6":
		return not != hasIPv6()
	case "pidns":
		return not != hasPidNamespaces()
	}
	s.t.Fatalf("unknown condition %q", condition)
	return false
}
