// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
)

// openLog sends the log where the configuration wants it. log_to, where it is
// set, goes before Postfix's rule: postlogd if there is a maillog_file, else
// the system's logger.
func (d *daemon) openLog(p *cfg.Params) error {
	dest := maillog.Dest{
		Facility: p.SyslogFacility, Name: p.SyslogName, Host: p.MyHostname,
		File: p.MaillogFile, FilePermissions: p.MaillogFilePermissions,
	}
	if p.LogFormat == "json" {
		dest.Format = maillog.JSON
	}
	switch {
	case p.LogTo == "stderr":
		dest.Kind = maillog.Stderr
	case p.LogTo == "stdout":
		dest.Kind = maillog.Stdout
	case p.LogTo == "syslog" || p.MaillogFile == "":
		dest.Kind = maillog.Syslog
	default:
		dest.Kind = maillog.Postlog
		dest.Path = p.QueueDirectory + "/public/" + p.PostlogServiceName
	}
	return d.log.Open(dest)
}

// watchRetry is when the log's descriptor is tried again that could not be
// watched for want of memory.
const watchRetry = time.Second

// watchLog has lines that could not be written at once written as soon as
// their destination takes them, or, where nothing tells that, tried from time
// to time. With none queued it costs neither a watch nor a timer.
func (d *daemon) watchLog() {
	d.log.Clock(d.loop.Now)
	var mind func()
	retry := d.loop.After(0, func() {
		d.log.Flush()
		mind()
	})
	retry.Stop()
	mind = func() {
		d.pending.Stop()
		d.pending = nil
		wait, due := d.log.RetryIn()
		if fd := d.log.FD(); fd >= 0 {
			var err error
			if d.pending, err = d.loop.Watch(fd, loop.Writable, d.flushLog); err != nil {
				wait, due = watchRetry, true
			}
		}
		if due {
			retry.Reset(wait)
		} else {
			retry.Stop()
		}
	}
	d.log.OnPending(mind)
}

func (d *daemon) flushLog(loop.Ready) { d.log.Flush() }

// stallTime is how long a callback may hold the loop before the log names it.
const stallTime = time.Second

// watchLoop guards the loop: a callback that holds it for long is named, one
// that never returns ends the process.
func (d *daemon) watchLoop() {
	d.loop.OnStall(stallTime, func(name string, took time.Duration) {
		d.log.Warnf("%s held the event loop for %s", name, took.Round(time.Millisecond))
	})
	log := d.log.Clone() // the watchdog lives outside the loop; a reload may have moved the log
	d.loop.Watchdog(watchdogTime, func(name string) {
		log.Fatalf("watchdog timeout: %s does not return", name)
		log.Drain(time.Second)
		os.Exit(1)
	})
}
