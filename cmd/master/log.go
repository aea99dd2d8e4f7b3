// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"time"

	"postloop/cfg"
	"postloop/master/logloop"
)

// openLog sends the log where the configuration wants it.
func (d *daemon) openLog(p *cfg.Params) error { return d.log.Open(logloop.Dest(p)) }

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
