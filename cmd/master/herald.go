// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/notify"

	"golang.org/x/sys/unix"
)

const (
	// statusPause is how far apart two lines about a changed state are at least.
	statusPause = time.Second
	// fullPause is how long a manager that has no room for a message is left alone.
	fullPause = 100 * time.Millisecond
	// unsentLimit is how many messages wait for such a manager. What does not
	// matter any more has been left out.
	unsentLimit = 64
)

// herald tells the service manager how the master is, without ever waiting for
// it. One that nobody listens to does nothing.
type herald struct {
	to     *notify.Notifier
	wrong  error       // why to is nil although somebody wants to hear
	unsent [][]string  // in their order
	retry  *loop.Timer // nil: nothing is unsent
	alive  *loop.Timer
	change *loop.Timer // nil: nothing has changed
	status string      // the last one
	lost   bool        // the log knows that nobody listens
	notice func()      // something has changed

	environ []string // that another program in this process's place needs to do the same
}

// takeNotify has no child of ours speak in our name.
func (d *daemon) takeNotify() {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "NOTIFY_SOCKET=") || strings.HasPrefix(v, "WATCHDOG_") {
			d.herald.environ = append(d.herald.environ, v)
		}
	}
	d.herald.to, d.herald.wrong = notify.Take()
}

// startHerald begins to give signs of life.
func (d *daemon) startHerald() {
	h := &d.herald
	if h.wrong != nil {
		d.log.Warnf("%v -- the service manager is told nothing", h.wrong)
	}
	if h.to == nil {
		return
	}
	h.notice = d.statusChanged
	if h.to.WatchdogTime() > 0 {
		d.signOfLife()
	}
}

// changes is what a master is to call; nil if nobody wants to know.
func (h *herald) changes() func() { return h.notice }

// signOfLife comes from the loop: one that stands still gives none.
func (d *daemon) signOfLife() {
	d.tell(notify.Watchdog)
	d.herald.alive = d.loop.After(d.herald.to.WatchdogTime()/2, d.signOfLife)
}

// tell sends a message to the service manager, now or when it has room.
func (d *daemon) tell(lines ...string) {
	h := &d.herald
	if h.to == nil {
		return
	}
	if h.retry == nil && d.send(lines) {
		return
	}
	if lines[0] == notify.Watchdog {
		return // there will be another
	}
	h.unsent = keepUnsent(h.unsent, lines)
	if h.retry == nil && d.loop != nil {
		h.retry = d.loop.After(fullPause, d.sendUnsent)
	}
}

// keepUnsent adds a message to those that wait. A state in words is not worth
// keeping once there is another; and where a manager has not listened for so
// long that there are too many, what was first is what matters least: it has to
// hear at last that a reload has ended, of which it has heard that it began.
func keepUnsent(list [][]string, lines []string) [][]string {
	list = slices.DeleteFunc(list, func(m []string) bool { return len(m) == 1 && strings.HasPrefix(m[0], "STATUS=") })
	if len(list) == unsentLimit {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, lines)
}

// sendUnsent tries again.
func (d *daemon) sendUnsent() {
	h := &d.herald
	h.retry = nil
	for len(h.unsent) > 0 && d.send(h.unsent[0]) {
		h.unsent = h.unsent[1:]
	}
	if len(h.unsent) > 0 {
		h.retry = d.loop.After(fullPause, d.sendUnsent)
	}
}

// send reports whether a message is dealt with.
func (d *daemon) send(lines []string) bool {
	h := &d.herald
	err := h.to.Send(lines...)
	switch {
	case errors.Is(err, notify.ErrFull):
		return false
	case err != nil && !h.lost:
		d.log.Warnf("service manager: %v", err)
	}
	h.lost = err != nil
	return true
}

// tellReady says that the master works, and how it is.
func (d *daemon) tellReady(news string) {
	h := &d.herald
	if h.to == nil {
		return
	}
	h.status = d.sentence(news)
	lines := []string{notify.Ready, notify.Status(h.status)}
	if d.parent >= 0 { // the manager has started that one, which ends
		lines = append(lines, notify.MainPID(unix.Getpid()))
	}
	d.tell(lines...)
}

func (d *daemon) sentence(news string) string {
	text := d.master.Summary()
	if news != "" {
		text += "; " + news
	}
	return text
}

// refusal is what the manager is told about a reload: it knows no other way to
// say that one was refused.
func refusal(err error) string {
	if err == nil {
		return ""
	}
	return "reload refused, running with the configuration before it: " + cfg.All(err)[0].Error()
}

// statusChanged has the state be told soon, once for all that changes until
// then.
func (d *daemon) statusChanged() {
	if h := &d.herald; h.change == nil && d.started && !d.ending {
		h.change = d.loop.After(statusPause, d.tellStatus)
	}
}

func (d *daemon) tellStatus() {
	h := &d.herald
	h.change = nil
	if text := d.sentence(""); text != h.status && !d.ending && !d.master.Busy() {
		h.status = text
		d.tell(notify.Status(text))
	}
}

// tellFailure says why the start has failed.
func (d *daemon) tellFailure(err error) {
	if d.started {
		return
	}
	errno := unix.EINVAL // of no system call: the configuration is to blame
	errors.As(err, &errno)
	d.tell(notify.Status(cfg.All(err)[0].Error()), notify.Errno(errno))
}
