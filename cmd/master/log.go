// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"time"

	"postloop/cfg"
	"postloop/master/logloop"
)

// openLog sends the log where the configuration wants it.
func (d *daemon) openLog(p *cfg.Params) error { return d.log.Open(logloop.Dest(p)) }

// startLog has the loop write it.
func (d *daemon) startLog() { logloop.Start(d.loop, d.log) }

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

// reopen opens the log's file anew, which somebody has renamed. It answers
// SIGUSR1, and an operator.
func (d *daemon) reopen() (string, error) {
	if err := d.log.Reopen(); err != nil {
		return "", fmt.Errorf("%w -- lines go where they went before", err)
	}
	text := "log reopened"
	if d.started && !d.ending {
		if n := d.master.LogReopened(); n > 0 {
			text += fmt.Sprintf("; %d process(es) that have its file open leave when they have nothing to do", n)
		}
	}
	d.log.Infof("%s", text)
	return text, nil
}

// rotated is SIGUSR1.
func (d *daemon) rotated() {
	if _, err := d.reopen(); err != nil {
		d.log.Errorf("%v", err)
	}
}
