// SPDX-License-Identifier: ISC

package maillog

import (
	"fmt"
	"os"
	"time"
)

// Names of the environment variables that choose tag and destination of a
// process until it has read its configuration, and with which it tells its
// children.
const (
	EnvTag      = "MAIL_LOGTAG"
	EnvService  = "POSTLOG_SERVICE"
	EnvHostname = "POSTLOG_HOSTNAME"
)

const defaultName = "postfix" // the syslog_name of those who have none

// Logger writes lines under one tag. Its methods belong to one goroutine.
type Logger struct {
	// Verbose is how many -v there were. Loggers derived from this one take the
	// value that it has then.
	Verbose int

	sink    *sink
	tag     string // instead of syslog name and process
	process string
	service string
	pid     int
}

// New returns a logger for the process of that name, which writes where the
// environment says until Open is called. The environment is not believed in
// a process that runs with more privileges than its user has.
func New(process string) *Logger {
	d := Dest{Kind: Syslog, Name: defaultName}
	if os.Getuid() == os.Geteuid() && os.Getgid() == os.Getegid() {
		if name := os.Getenv(EnvTag); name != "" {
			d.Name = name
		}
		if path := os.Getenv(EnvService); path != "" {
			d.Kind, d.Path, d.Host = Postlog, path, os.Getenv(EnvHostname)
		}
	}
	l := &Logger{process: clean(process, maxName), pid: os.Getpid()}
	l.sink = newSink(d, l.process)
	return l
}

// Open sends all further lines of l, and of every logger that shares its
// destination, to d. Lines still queued go to the old destination if it takes
// them now, or else to d. Opening the same destination again opens its file or
// socket anew.
//
// On error the old destination stays. A socket that nobody listens on is no
// error.
func (l *Logger) Open(d Dest) error { return l.sink.open(d) }

// Reopen opens the destination anew, as after a rotation of its file. On error
// lines go where they went before.
func (l *Logger) Reopen() error { return l.sink.open(l.sink.dest) }

// Dest returns where lines go.
func (l *Logger) Dest() Dest { return l.sink.dest }

// Close writes what can be written and lets go of the destination. The next
// line would open it again.
func (l *Logger) Close() {
	l.sink.drain()
	l.sink.disconnect()
}

// With returns a logger whose lines carry that tag as a whole, as those of a
// service with a syslog_name of its own do.
func (l *Logger) With(tag string) *Logger {
	c := *l
	c.tag = clean(tag, maxName)
	return &c
}

// Named returns a logger for another process under the destination's syslog
// name.
func (l *Logger) Named(process string) *Logger {
	c := *l
	c.tag, c.process = "", clean(process, maxName)
	return &c
}

// ForPid returns a logger whose lines carry that process number: what befell a
// child before it could log for itself is told in its name.
func (l *Logger) ForPid(pid int) *Logger {
	c := *l
	c.pid = pid
	return &c
}

// About returns a logger whose lines are about that service, which JSON and
// the journal have in a field of its own; in text only the sentence tells. The
// name is smtp/inet: type and all, as it is asked for.
func (l *Logger) About(service string) *Logger {
	c := *l
	c.service = clean(service, maxName)
	return &c
}

// Clone returns a logger with the same tag and destination but with a
// connection, a queue and a clock of its own, for use by another goroutine. It
// does not follow later calls of Open, and its time is time.Now.
func (l *Logger) Clone() *Logger {
	c := *l
	c.sink = newSink(l.sink.dest, l.sink.process)
	return &c
}

// Clock makes now the source of time. Without it that is time.Now.
func (l *Logger) Clock(now func() time.Time) { l.sink.now = now }

// Tag returns what stands before the process number in l's lines.
func (l *Logger) Tag() string {
	name := l.sink.dest.Name
	switch {
	case l.tag != "":
		return l.tag
	case l.process == "":
		return name
	default:
		return name + "/" + l.process
	}
}

// Debugf writes information that only those want to see who asked with -v.
func (l *Logger) Debugf(format string, args ...any) {
	if l.Verbose > 0 {
		l.write(info, format, args...)
	}
}

// Infof writes information.
func (l *Logger) Infof(format string, args ...any) { l.write(info, format, args...) }

// Warnf writes a warning: something is wrong, and the work goes on.
func (l *Logger) Warnf(format string, args ...any) { l.write(warning, format, args...) }

// Errorf writes an error: something could not be done.
func (l *Logger) Errorf(format string, args ...any) { l.write(failure, format, args...) }

// Fatalf writes why the process is about to end. It does not end it.
func (l *Logger) Fatalf(format string, args ...any) { l.write(fatal, format, args...) }

// Panicf writes what should be impossible and ends the process next. It does
// not end it.
func (l *Logger) Panicf(format string, args ...any) { l.write(internal, format, args...) }

// Tap has f told of every line that is written from now on, besides: its tag,
// the word for its severity (info, warning, error, fatal, panic) and its text.
// f must not write lines of its own.
func (l *Logger) Tap(f func(tag, severity, text string)) { l.sink.tap = f }

func (l *Logger) write(s severity, format string, args ...any) {
	r := l.record(s, format, args...)
	l.sink.put(r)
	if l.sink.tap != nil {
		l.sink.tap(r.tag, words[s], r.text)
	}
}

func (l *Logger) record(s severity, format string, args ...any) record {
	return record{
		when:     l.sink.now(),
		severity: s,
		tag:      l.Tag(),
		pid:      l.pid,
		service:  l.service,
		text:     clean(fmt.Sprintf(format, args...), maxText),
	}
}
