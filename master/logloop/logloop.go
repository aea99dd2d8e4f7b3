// SPDX-License-Identifier: ISC

// Package logloop has the lines of a maillog.Logger written by an event loop,
// and sends them where a configuration wants them. Master and the daemons both
// log like this.
package logloop

import (
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
)

// Dest is where the parameters have the log go. log_to, where it is set, goes
// before Postfix's rule: postlogd if there is a maillog_file, else the system's
// logger.
//
// It is a master's destination: postlogd is a child of its own, and while
// that does not listen, lines go to the file. A daemon has no File.
func Dest(p *cfg.Params) maillog.Dest {
	d := maillog.Dest{
		Facility: p.SyslogFacility, Name: p.SyslogName, Host: p.MyHostname,
		File: p.MaillogFile, FilePermissions: p.MaillogFilePermissions,
	}
	if p.LogFormat == "json" {
		d.Format = maillog.JSON
	}
	switch {
	case p.LogTo == "stderr":
		d.Kind = maillog.Stderr
	case p.LogTo == "stdout":
		d.Kind = maillog.Stdout
	case p.LogTo == "file":
		d.Kind = maillog.File
	case p.LogTo == "journal":
		d.Kind = maillog.Journal
	case p.LogTo == "syslog" || p.MaillogFile == "":
		d.Kind = maillog.Syslog
	default:
		d.Kind = maillog.Postlog
		d.Path = p.QueueDirectory + "/public/" + p.PostlogServiceName
	}
	return d
}

// watchRetry is when a descriptor is tried again that could not be watched
// for want of memory.
const watchRetry = time.Second

// Writer sees to the lines that a logger could not write at once.
type Writer struct {
	loop    *loop.Loop
	log     *maillog.Logger
	retry   *loop.Timer
	pending *loop.Watch // of the log's descriptor
}

// Start has lines that could not be written at once written as soon as their
// destination takes them, or, where nothing tells that, tried from time to
// time. With none queued it costs neither a watch nor a timer.
func Start(l *loop.Loop, log *maillog.Logger) *Writer {
	w := &Writer{loop: l, log: log}
	log.Clock(l.Now)
	w.retry = l.After(0, w.again)
	w.retry.Stop()
	log.OnPending(w.mind)
	return w
}

func (w *Writer) again() {
	w.log.Flush()
	w.mind()
}

// mind follows what the logger waits for now.
func (w *Writer) mind() {
	w.pending.Stop()
	w.pending = nil
	wait, due := w.log.RetryIn()
	if fd := w.log.FD(); fd >= 0 {
		var err error
		if w.pending, err = w.loop.Watch(fd, loop.Writable, w.writable); err != nil {
			wait, due = watchRetry, true
		}
	}
	if due {
		w.retry.Reset(wait)
	} else {
		w.retry.Stop()
	}
}

func (w *Writer) writable(loop.Ready) { w.log.Flush() }
