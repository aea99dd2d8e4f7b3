// SPDX-License-Identifier: ISC

package main

import (
	"fmt"

	"postloop/master/notify"

	"golang.org/x/sys/unix"
)

// installSignals puts every signal that master answers on the loop.
func (d *daemon) installSignals() {
	d.loop.IgnoreSignal(unix.SIGPIPE) // and so do all daemons, as they expect
	d.loop.OnSignal(unix.SIGHUP, d.reload)
	d.loop.OnSignal(unix.SIGUSR1, d.rotated)
	for _, s := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		d.loop.OnSignal(s, func() { d.terminate(s) })
	}
	if canUpgrade {
		d.loop.OnSignal(unix.SIGUSR2, func() { d.upgradeFor("", func(error) {}) })
	}
	if isInit() {
		d.reapOrphans()
	}
}

// terminate ends everything because of signal s, which becomes master's own
// exit status.
func (d *daemon) terminate(s unix.Signal) {
	if d.ending {
		return
	}
	d.dying = s
	d.end(fmt.Sprintf("terminating on signal %d", s))
}

// end ends everything for a reason that the log should have. Only the first
// counts.
func (d *daemon) end(reason string) {
	if d.ending {
		return
	}
	d.ending = true
	d.log.Infof("%s", reason)
	d.tell(notify.Stopping, notify.Status(reason))
	d.hot.Stop()
	d.upgrade.abandon()
	d.answer(errEnding) // a reload that is under way never ends
	d.answering, d.asked = d.asked, nil
	d.answer(errEnding)
	d.endOrphans()
	d.master.Shutdown(d.awaitOrphans)
}
