// SPDX-License-Identifier: ISC

package main

import (
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// lastTime is how long orphans that got KILL may take to be gone.
const lastTime = time.Second

// orphanPause is how far apart two signals to all of them are: where thousands
// end, each end must not cost a look at all the others.
const orphanPause = 50 * time.Millisecond

// orphans are processes that became ours because their parents ended: of a
// process 1, and of a subreaper.
type orphans struct {
	reaped bool
	sub    bool // this process is a subreaper
	left   time.Time
	timer  *loop.Timer
	killed bool
	next   *loop.Timer // nil: none has ended since the last signal
}

// isInit reports whether this is the first process of a system or of a
// container, whose end is everybody's, and which no signal ends by itself.
func isInit() bool { return unix.Getpid() == 1 }

// reapOrphans takes their ends from now on.
func (d *daemon) reapOrphans() {
	if !d.orphans.reaped {
		d.orphans.reaped = true
		d.loop.OnOrphan(d.orphanEnded)
	}
}

// adoptOrphans has this process be a subreaper if the configuration says so.
func (d *daemon) adoptOrphans() {
	want := d.params.Subreaper && !isInit() // who is the root of all has them anyway
	if want == d.orphans.sub {
		return
	}
	if err := setSubreaper(want); err != nil {
		d.log.Warnf("subreaper: %v -- orphans are not this master's", err)
		return
	}
	d.orphans.sub = want
	if want {
		d.reapOrphans()
	}
}

// endOrphans begins the end of those that there are, which have as long as
// everybody else.
func (d *daemon) endOrphans() {
	limit := d.params.StopTimeLimit
	d.orphans.left = d.loop.Now().Add(limit)
	if isInit() {
		_ = unix.Kill(-1, unix.SIGTERM) // all but this one
	}
}

// awaitOrphans ends the master when nobody is left who would be lost with it.
// Those that are ours by the end of their parents learn of the end now.
func (d *daemon) awaitOrphans() {
	if !d.orphans.reaped || !hasChildren() {
		d.stop()
		return
	}
	d.signalOrphans(unix.SIGTERM)
	d.orphans.timer = d.loop.After(max(0, d.orphans.left.Sub(d.loop.Now())), d.killOrphans)
}

// orphanEnded takes the end of one. While the master ends, others may become
// ours by it.
func (d *daemon) orphanEnded(loop.Exit) {
	o := &d.orphans
	switch {
	case o.timer == nil:
	case !hasChildren():
		o.timer.Stop()
		o.next.Stop()
		d.stop()
	case o.next == nil:
		o.next = d.loop.After(orphanPause, d.signalNext)
	}
}

// signalNext is for those who have become ours since the last signal.
func (d *daemon) signalNext() {
	d.orphans.next = nil
	if d.orphans.killed {
		d.signalOrphans(unix.SIGKILL)
	} else {
		d.signalOrphans(unix.SIGTERM)
	}
}

// killOrphans ends those that did not leave in time, and soon after that the
// master, whoever is left.
func (d *daemon) killOrphans() {
	d.log.Warnf("orphans did not terminate in time -- killing")
	d.orphans.killed = true
	d.signalOrphans(unix.SIGKILL)
	d.orphans.timer = d.loop.After(lastTime, d.stop)
}

func (d *daemon) signalOrphans(sig unix.Signal) {
	if isInit() {
		_ = unix.Kill(-1, sig)
		return
	}
	for _, pid := range childrenOf(unix.Getpid()) {
		_ = unix.Kill(pid, sig)
	}
}
