// SPDX-License-Identifier: ISC

package maillog

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// Kind says what sort of destination lines go to.
type Kind uint8

const (
	// Syslog is the system's logger, at Path or the usual places.
	Syslog Kind = iota
	// Postlog is postlogd's datagram socket at Path. While nobody listens
	// there, lines go directly to File, unless that is empty.
	Postlog
	// File is the file File.
	File
	// Stdout and Stderr are this process's own, as they are.
	Stdout
	Stderr
	// Journal is systemd's, at Path or the usual place, in its own protocol.
	Journal
)

// Format is the form of lines that go to a file, to standard output or to
// standard error.
type Format uint8

const (
	Text Format = iota // Mmm dd hh:mm:ss host tag[pid]: text
	JSON               // an object with time, severity, program, pid and text
)

// Dest is a destination with all that its lines need.
type Dest struct {
	Kind            Kind
	Format          Format
	Path            string      // of the socket
	Facility        string      // syslog_facility; empty: mail
	Name            string      // syslog_name; empty: postfix
	Host            string      // myhostname; used up to the first dot
	File            string      // maillog_file
	FilePermissions fs.FileMode // of a new File; 0: 0600
}

var facilities = map[string]int{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7,
	"uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11, "local0": 16, "local1": 17, "local2": 18,
	"local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// ValidFacility reports whether syslog_facility may have that value.
func ValidFacility(name string) bool {
	_, ok := facilities[name]
	return ok
}

// complete fills in what d leaves open, and returns what is wrong with it.
func (d *Dest) complete() error {
	if _, kind, ok := d.given(); ok && d.Kind == File {
		d.Kind = kind
	}
	if d.Facility == "" {
		d.Facility = "mail"
	}
	if d.Name == "" {
		d.Name = defaultName
	}
	if d.FilePermissions == 0 {
		d.FilePermissions = 0o600
	}
	d.Name = clean(d.Name, maxName)
	d.Host, _, _ = strings.Cut(clean(d.Host, maxName), ".")
	if d.Host == "" {
		d.Host = "amnesiac"
	}
	switch {
	case !ValidFacility(d.Facility):
		return fmt.Errorf("log: unknown syslog facility: %s", d.Facility)
	case d.Kind == Journal && !hasJournal:
		return fmt.Errorf("log: this system has no journal")
	case d.Format == JSON && (d.Kind == Syslog || d.Kind == Postlog || d.Kind == Journal):
		return fmt.Errorf("log: JSON is for files, standard output and standard error only")
	case d.Kind == File && d.File == "", d.Kind == Postlog && d.Path == "":
		return fmt.Errorf("log: no file name")
	}
	return nil
}

// given says what File is another name for, if it is no file to open but
// something that we were given, and that cannot always be opened: a socket, say.
func (d *Dest) given() (fd int, kind Kind, ok bool) {
	switch d.File {
	case "/dev/stdout":
		return 1, Stdout, true
	case "/dev/stderr":
		return 2, Stderr, true
	}
	return -1, 0, false
}

// openFile opens the log file for appending, in the words that Postfix has
// for a failure. O_NONBLOCK keeps a named pipe from making us wait.
func (d *Dest) openFile() (fd int, err error) {
	const flags = syscall.O_WRONLY | syscall.O_APPEND | syscall.O_NONBLOCK
	fd, err = SafeOpen(d.File, flags, d.FilePermissions)
	if err != nil {
		return -1, fmt.Errorf("open logfile '%s': %w", d.File, err)
	}
	return fd, nil
}
