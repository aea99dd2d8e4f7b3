// SPDX-License-Identifier: ISC

package main

import (
	"runtime/debug"
	"time"
)

// tidyAfter is how long after a change its memory is given back: whoever waits for
// the services comes first.
const tidyAfter = time.Second

// tidyLater gives back what a change of the configuration has needed and nothing
// keeps: with thousands of services it is as much as what is kept. A small one has
// never made the runtime collect, whose own needs are then more than it would find.
func (d *daemon) tidyLater() {
	if d.tidy != nil || collections() == 0 {
		return
	}
	d.tidy = d.loop.After(tidyAfter, func() {
		d.tidy = nil
		debug.FreeOSMemory()
	})
}

// collections is how often the runtime has collected.
func collections() int64 {
	var s debug.GCStats
	debug.ReadGCStats(&s)
	return s.NumGC
}
