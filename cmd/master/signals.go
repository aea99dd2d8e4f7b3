// SPDX-License-Identifier: ISC

package main

import (
	"postloop/loop"

	"golang.org/x/sys/unix"
)

// installSignals puts every signal that master answers on the loop.
func (d *daemon) installSignals() {
	d.loop.IgnoreSignal(unix.SIGPIPE) // and so do all daemons, as they expect
	d.loop.OnSignal(unix.SIGHUP, d.reload)
	for _, s := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		d.loop.OnSignal(s, func() { d.terminate(s) })
	}
	if d.o.init {
		d.loop.OnOrphan(func(loop.Exit) {})
	}
}

// terminate ends everything because of signal s, which becomes master's own
// exit status.
func (d *daemon) terminate(s unix.Signal) {
	if d.dying != 0 {
		return
	}
	d.dying = s
	d.log.Infof("terminating on signal %d", s)
	d.master.Shutdown(d.loop.Stop)
}
