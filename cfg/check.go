// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// What one language can say, the other can: these checks keep a TOML file
// within what master.cf has a way to write, and keep WriteMaster from writing
// something else than it was given.

// check finds what no entry of master.cf can say.
func (s *Service) check() error {
	if err := checkName(s.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err := checkCommand(s.Command); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	if s.Type < Inet || int(s.Type) >= len(typeNames) {
		return fmt.Errorf("no transport type %d", s.Type)
	}
	if s.Type == Inet {
		host, port, err := splitInetName(s.Name)
		if err != nil {
			return err
		}
		if host != s.Host || port != s.Port {
			return fmt.Errorf("the name says host %q and port %q, not %q and %q", host, port, s.Host, s.Port)
		}
		if s.Private {
			return errors.New("inet service cannot be private")
		}
	}
	if err := checkWakeup(s.Wakeup); err != nil {
		return err
	}
	if s.Wakeup == 0 && s.WakeupIfUsed {
		return errors.New("wakeup if used, but no wakeup time")
	}
	if s.Limit < 0 || s.Limit > math.MaxInt32 {
		return fmt.Errorf("a limit of %d is not from 0 to %d", s.Limit, math.MaxInt32)
	}
	_, err := braceArgs(s.Args)
	return err
}

// checkWord accepts what can be a field of an entry.
func checkWord(word string) error {
	switch {
	case word == "":
		return errors.New("nothing there")
	case strings.ContainsAny(word, blanks+"\x00"):
		return errors.New("a space, a line break or a null byte cannot be part of it")
	}
	return nil
}

// checkName accepts what can be the first field, where a line begins.
func checkName(name string) error {
	if err := checkWord(name); err != nil {
		return err
	}
	if name[0] == '#' || isSpace(name[0]) {
		return fmt.Errorf("it cannot begin with %q", name[0])
	}
	return nil
}

// checkCommand accepts what can be the eighth field.
func checkCommand(command string) error {
	if command == "-" {
		return errors.New(`"-" is no command`)
	}
	return checkWord(command)
}

// checkWakeup accepts whole seconds, for that is what a daemon is told.
func checkWakeup(every time.Duration) error {
	if every < 0 || every%time.Second != 0 || every/time.Second > math.MaxInt32 {
		return fmt.Errorf("wakeup: %v is not a number of whole seconds from 0 to %d", every, math.MaxInt32)
	}
	return nil
}

// braceArgs writes what can follow the command, each argument as brace does.
func braceArgs(args []string) ([]string, error) {
	written := make([]string, len(args))
	for i, arg := range args {
		text, err := brace(arg, i == len(args)-1)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", arg, err)
		}
		written[i] = text
	}
	return written, nil
}
