// SPDX-License-Identifier: ISC

package skeleton

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"postloop/cfg"
)

// flags are the generic options of a daemon, as Postfix's have them.
type flags struct {
	chroot       bool          // -c
	anyInput     bool          // -d: never mind the terminal
	debugger     bool          // -D
	alone        bool          // -l: the process limit is 1
	service      string        // -n; empty: that of the program
	retire       time.Duration // -r; 0: never
	sockets      int           // -s
	standAlone   bool          // -S: one client, on standard input
	transport    string        // -t; empty: not given
	unprivileged bool          // -u
	verbose      int           // -v
	stderr       bool          // -V: log there, too
	unlimited    bool          // -z: there is no process limit
	overrides    []cfg.Override
	rest         []string // what is no option
}

// withValue holds the options that take a value.
const withValue = "imnorst"

// parse reads a command line as getopt(3) does, where options end at the
// first word that is none. After an error f holds what came before it.
func (f *flags) parse(args []string) error {
	f.sockets = 1
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for word != "" {
			letter := word[0]
			word = word[1:]
			if !strings.ContainsRune(withValue, rune(letter)) {
				if !f.set(letter) {
					return fmt.Errorf("invalid option: %c", letter)
				}
				continue
			}
			if word == "" {
				if len(args) == 0 {
					return fmt.Errorf("invalid option: %c", letter)
				}
				word, args = args[0], args[1:]
			}
			if err := f.setValue(letter, word); err != nil {
				return err
			}
			word = ""
		}
	}
	f.rest = args
	return nil
}

// set takes an option without a value, and reports whether there is one.
func (f *flags) set(letter byte) bool {
	switch letter {
	case 'c':
		f.chroot = true
	case 'd':
		f.anyInput = true
	case 'D':
		f.debugger = true
	case 'l':
		f.alone = true
	case 'S':
		f.standAlone = true
	case 'u':
		f.unprivileged = true
	case 'v':
		f.verbose++
	case 'V':
		f.stderr = true
	case 'z':
		f.unlimited = true
	default:
		return false
	}
	return true
}

// setValue takes an option with a value.
func (f *flags) setValue(letter byte, value string) error {
	switch letter {
	case 'i':
		f.overrides = append(f.overrides, cfg.Override{Name: "max_idle", Value: value})
	case 'm':
		f.overrides = append(f.overrides, cfg.Override{Name: "max_use", Value: value})
	case 'n':
		f.service = value
	case 'o':
		o, err := cfg.ParseOverride(value)
		if err != nil {
			return err
		}
		f.overrides = append(f.overrides, o)
	case 'r':
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n <= 0 {
			return fmt.Errorf("invalid retirement time: %s", value)
		}
		f.retire = time.Duration(n) * time.Second
	case 's':
		n, err := strconv.ParseInt(value, 10, 16)
		if err != nil || n <= 0 {
			return fmt.Errorf("invalid socket_count: %s", value)
		}
		f.sockets = int(n)
	case 't':
		f.transport = value
	}
	return nil
}

// HostedArgs returns what follows the options of an entry that is served
// without a process. Its -o have been dealt with by the master. Those about the
// life of a process mean nothing without one; those that would have another
// effect must not be passed over in silence.
func HostedArgs(s *cfg.Service) (rest []string, err error) {
	_, args, err := s.Overrides()
	if err != nil {
		return nil, err
	}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		switch word[1] {
		case '-':
			return args, nil
		case 'v', 'd', 'D':
		case 'm', 'i':
			if len(word) == 2 && len(args) > 0 {
				args = args[1:]
			}
		default:
			return nil, fmt.Errorf("option %s has no meaning for a service without a process; remove it, or %s from builtin_services", word, s.Command)
		}
	}
	return args, nil
}
