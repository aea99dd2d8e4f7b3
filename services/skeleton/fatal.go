// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"io/fs"
	"time"

	"postloop/cfg"
	"postloop/master/maillog"
)

// maxErrors is with how many logged errors a process ends, as in Postfix.
const maxErrors = 13

// Fatalf logs why the process ends, and ends it with status 1: no callback of
// another's comes in between. The caller returns.
func (d *Daemon) Fatalf(format string, args ...any) {
	d.Log.Fatalf(format, args...)
	d.end(1)
}

// Fatal is Fatalf with a line for each error in err.
func (d *Daemon) Fatal(err error) { d.fatalErr(err) }

func (d *Daemon) fatalErr(err error) {
	for _, one := range cfg.All(err) {
		d.Log.Fatalf("%s", reason(one))
	}
	d.end(1)
}

// reason is the text of an error, in Postfix's words where the system's are
// part of it.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Op + " " + path.Path + ": " + maillog.Strerror(path.Err)
	}
	if e, ok := errors.AsType[*cfg.Error](err); ok && e.Line == 0 {
		return e.Text // of an option, or of a default: no file is to blame
	}
	return err.Error()
}

// end stops everything that could still call back, and the loop.
func (d *Daemon) end(status int) {
	if status != 0 {
		d.exit, d.fatal = status, time.Now()
	}
	d.service = nil
	for _, ln := range d.listeners {
		ln.Stop()
	}
	d.idle.Stop()
	d.retire.Stop()
	d.delivery.stop()
	d.many.stop()
	d.status.stop()
	if d.Loop != nil {
		d.Loop.Stop()
	}
}

// ended reports whether end was called.
func (d *Daemon) ended() bool { return d.service == nil }

// countErrors ends a process whose trouble does not end. It is told of each
// line that is logged. What is wrong with a table of one client's is no reason
// to leave many others alone.
func (d *Daemon) countErrors(_, severity, _ string) {
	if severity != "error" || d.o.Serve != nil {
		return
	}
	if d.errors++; d.errors == maxErrors {
		d.Loop.Later(func() { d.Fatalf("too many errors - program terminated") })
	}
}
