// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ParseMaster reads a master.cf. name stands in messages, m has the
// parameters that decide about defaults: compatibility_level,
// default_process_limit, inet_interfaces, inet_protocols,
// master_service_disable and rootless.
//
// Entries that master_service_disable matches are left out, and are not
// looked at beyond their type. Two entries for one endpoint are both
// returned: whether two names mean the same port is not for text to decide.
//
// The error is an Errors with everything found wrong in any entry; there are
// no services then. Where Postfix takes a number for what its beginning says
// ("10x"), so does ParseMaster; one too large for Postfix's int is refused.
func ParseMaster(name string, r io.Reader, m *Main) (services []Service, notes []Note, err error) {
	if services, notes, err = parseMaster(name, r, m); err != nil {
		services = nil
	}
	return services, notes, err
}

// parseMaster returns the entries that are right whatever the others are.
func parseMaster(name string, r io.Reader, m *Main) (services []Service, notes []Note, err error) {
	lines, notes, errs := ReadLines(name, r)
	d, more := masterDefaults(m)
	notes = append(notes, more...)
	services = make([]Service, 0, len(lines)) // no more: there may be thousands, and they are kept
	for _, l := range lines {
		e := masterEntry{file: name, line: l.Num, rest: l.Text, defaults: &d}
		s, ok := e.parse()
		notes = append(notes, e.notes...)
		errs = append(errs, e.errs...)
		if ok && len(e.errs) == 0 {
			services = append(services, s)
		}
	}
	if len(errs) > 0 {
		return services, notes, errs
	}
	return services, notes, nil
}

// entryForm reminds of the order of the fields.
const entryForm = "an entry is: name type private unprivileged chroot wakeup_time max_proc command arguments"

// masterEntry is one logical line of master.cf while it is read, from the left.
type masterEntry struct {
	*defaults
	file  string
	line  int
	rest  string
	short bool // a field was missing, and so are those after it
	notes []Note
	errs  Errors
}

// parse reads the whole entry; not ok means that the service is disabled.
// After a bad field it goes on, so that one reading finds all that is wrong.
func (e *masterEntry) parse() (s Service, ok bool) {
	s = Service{File: e.file, Line: e.line, Name: e.word()}
	kind := e.field("transport type", "")
	if kind != "" && e.disabled(s.Name, kind) {
		return s, false
	}
	s.Type = e.transport(kind)
	if s.Type == Inet {
		var err error
		if s.Host, s.Port, err = splitInetName(s.Name); err != nil {
			e.fail("%v in \"%s\"; specify host:port, [address]:port or port", err, s.Name)
		}
	}
	s.Private = e.flag("private", "y")
	if s.Type == Inet && s.Private && !e.short {
		e.fail("inet service cannot be private; specify n as the third field")
	}
	if s.Type == Inet && s.Port != "" && s.Host == "" && e.noInterfaces {
		e.fail("service definition requires valid host name or address, or non-empty inet_interfaces setting")
	}
	s.Unprivileged = e.flag("unprivileged", "y")
	s.Chroot = e.chroot()
	s.Wakeup, s.WakeupIfUsed = e.wakeup()
	s.Limit = e.number("max_proc", e.field("max_proc", strconv.Itoa(e.limit)))
	s.Command = e.field("command", "")
	args, err := SplitBraced(e.rest, blanks)
	if err != nil {
		e.fail("%v", err)
	}
	s.Args = args
	return s, true
}

func (e *masterEntry) fail(format string, args ...any) {
	e.errs = append(e.errs, &Error{e.file, e.line, fmt.Sprintf(format, args...)})
}

// word takes the next word off the entry; there are no braces before the
// arguments.
func (e *masterEntry) word() string {
	text := strings.TrimLeft(e.rest, blanks)
	end := strings.IndexAny(text, blanks)
	if end < 0 {
		end = len(text)
	}
	e.rest = text[end:]
	return text[:end]
}

// field takes the next field, or what "-" stands for. It is empty when that
// failed, which has been reported then.
func (e *masterEntry) field(name, fallback string) string {
	switch word := e.word(); {
	case word == "" && !e.short:
		e.short = true
		e.fail("missing \"%s\" field; %s", name, entryForm)
		return ""
	case word == "-" && fallback == "":
		e.fail("field \"%s\" has no default value; write it out", name)
		return ""
	case word == "-":
		return fallback
	default:
		return word
	}
}

func (e *masterEntry) transport(text string) Type {
	for t, name := range typeNames {
		if text == name && name != "" {
			return Type(t)
		}
	}
	if text != "" {
		e.fail("bad transport type: %s; specify inet, unix, fifo, pass or unix-dgram", text)
	}
	return 0
}

func (e *masterEntry) flag(name, fallback string) bool {
	switch text := e.field(name, fallback); text {
	case "y":
		return true
	case "n", "":
		return false
	default:
		e.fail("field \"%s\": bad value: \"%s\"; specify y, n, or - for %s", name, text, fallback)
		return false
	}
}

// chroot reads a field whose default depends on how old a configuration
// claims to be.
func (e *masterEntry) chroot() bool {
	fallback := "n"
	if e.oldChroot {
		fallback = "y"
	}
	defaulted := e.next() == "-"
	chroot := e.flag("chroot", fallback)
	switch {
	case chroot && e.rootless:
		e.fail("field \"chroot\": \"y\" is impossible with rootless = yes; specify n or -")
	case defaulted && e.oldChroot:
		e.notes = append(e.notes, Note{Info, fmt.Sprintf(
			"%s: line %d: using backwards-compatible default setting chroot=%s", e.file, e.line, fallback)})
	}
	return chroot
}

// next returns the next word without taking it.
func (e *masterEntry) next() string {
	ahead := *e
	return ahead.word()
}

func (e *masterEntry) wakeup() (every time.Duration, ifUsed bool) {
	text := e.field("wakeup_time", "0")
	seconds := e.number("wakeup_time", text)
	return time.Duration(seconds) * time.Second, seconds > 0 && strings.HasSuffix(text, "?")
}

// number reads a count as Postfix does, which looks at the leading digits.
func (e *masterEntry) number(name, text string) int {
	if text == "" {
		return 0
	}
	digits := 0
	for digits < len(text) && isDigit(text[digits]) {
		digits++
	}
	n, err := strconv.ParseInt(text[:digits], 10, 32)
	if err != nil {
		e.fail("field \"%s\": bad value: \"%s\"; specify a whole number from 0 to 2147483647, or -", name, text)
		return 0
	}
	return int(n)
}
