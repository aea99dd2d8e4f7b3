// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is one thing wrong in a configuration, printed as Postfix does:
// "file, line N: text", or "file: text" where no line is to blame.
type Error struct {
	File string
	Line int // 0: the file as a whole
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Text)
}

// Errors is every thing found wrong in one reading, in the order of the text.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// All returns the single errors inside err, so that each becomes a log line
// of its own. An error that is not an Errors is returned alone.
func All(err error) []error {
	var list Errors
	if !errors.As(err, &list) {
		return []error{err}
	}
	out := make([]error, len(list))
	for i, one := range list {
		out[i] = one
	}
	return out
}

// Severity of a Note, in the words of the log.
type Severity uint8

const (
	Info Severity = iota
	Warning
)

// Note is something that the log should say about a configuration that is
// usable all the same, in Postfix's words where Postfix says it.
type Note struct {
	Severity Severity
	Text     string
}

// Type is a service's transport type, master.cf's second field.
type Type uint8

const (
	Inet Type = iota + 1
	Unix
	Fifo
	Pass
	UnixDgram
)

var typeNames = [...]string{Inet: "inet", Unix: "unix", Fifo: "fifo", Pass: "pass", UnixDgram: "unix-dgram"}

func (t Type) String() string { return typeNames[t] }

// Service is one entry of master.cf, or one [[service]] of a TOML file.
type Service struct {
	File string // where it was defined
	Line int

	Name         string // as written
	Label        string // Inet: what an operator may call it as well; TOML has it, master.cf does not
	Type         Type
	Private      bool
	Unprivileged bool
	Chroot       bool
	WakeupIfUsed bool          // the "?" suffix: not before the first use
	Wakeup       time.Duration // 0: never
	Limit        int           // of processes; 0: none
	Command      string        // as written; relative to daemon_directory
	Args         []string      // what follows, outer braces removed

	Host string // Inet: as written without brackets; empty: inet_interfaces
	Port string // Inet: as written
}

// FullName is what s can be called by even where two services share a name:
// that, and the type.
func (s *Service) FullName() string { return s.Name + "/" + s.Type.String() }

// Path returns the endpoint of a service that has a file name, relative to
// the queue directory; an inet service has none.
func (s *Service) Path() string {
	switch {
	case s.Type == Inet:
		return ""
	case s.Private:
		return "private/" + s.Name
	default:
		return "public/" + s.Name
	}
}

// Config is a whole configuration: what Load and the two languages produce.
type Config struct {
	Dir      string // the configuration directory
	Main     *Main
	Params   *Params // of Main, evaluated and checked
	Services []Service
	Notes    []Note

	incomplete bool    // something could not be read
	source     *Source // nil: files are read
	sum        Sum
}
