// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"runtime"
	"time"
)

// Loop calls back for descriptors, timers, signals and children, one callback
// at a time.
type Loop struct {
	owner  owner
	poller *poller
	clock  clock
	turn   uint64 // the guard number: see the package's comment
	inTurn bool
	stop   bool
	closed bool

	watches  []*Watch // by descriptor
	changed  []*Watch // those whose want the kernel does not know yet
	watching int      // how many watches are not nil ...
	ours     int      // ... of which these are the loop's own
	events   uint64
	timers   timers

	mail       mailbox
	forwarders map[os.Signal]forwarder
	signals    map[os.Signal]func()

	starter  starter
	children map[int]*child
	spare    []*child // to be used again
	ended    []*child // their pidfd says so
	orphan   func(Exit)
	reaping  bool // by SIGCHLD and wait4, not by pidfd
	reapNow  bool
	quiet    bool // SIGCHLD has no handler

	exits, exitsSpare []*child // reaped, to be reported
	later, lateSpare  []func()
	dirty, dirtySpare []*Conn // to be settled
	again, againSpare []*Conn // to be given their input again
	conns             int
	listeners         int
	buffers           buffers

	dog *watchdog // nil: nobody asks what runs
}

// New makes a loop. Its time begins now, and it owns a few descriptors until
// Close.
func New() (*Loop, error) {
	l := &Loop{
		signals:    make(map[os.Signal]func()),
		forwarders: make(map[os.Signal]forwarder),
		children:   make(map[int]*child),
	}
	l.clock.epoch = time.Now()
	var err error
	if l.starter, err = newStarter(); err != nil { // first this: its descriptors are to be low ones
		return nil, err
	}
	if l.poller, err = newPoller(); err != nil {
		l.starter.close()
		return nil, err
	}
	if l.mail.waker, err = newWaker(); err != nil {
		l.starter.close()
		_ = l.poller.close()
		return nil, err
	}
	w := &Watch{f: func(Ready) {}, ours: true} // all it has to do is to end the wait
	if err = l.register(w, l.mail.waker.readable(), Readable); err != nil {
		l.mail.waker.close()
		l.starter.close()
		_ = l.poller.close()
		return nil, err
	}
	l.ours++
	return l, nil
}

// Run takes turns until Stop. The goroutine that calls it owns the loop while
// it runs, and is bound to its thread.
func (l *Loop) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stop {
		if err := l.Turn(-1); err != nil {
			return err
		}
	}
	l.stop = false
	return nil
}

// Stop makes Run return after this turn, or at once when it is called next.
func (l *Loop) Stop() {
	l.owner.check()
	l.stop = true
}

// Turn waits for something to happen, no longer than max (negative: without
// limit), and calls back for it. An error comes from the wait itself, and
// means that the loop is of no use any more.
func (l *Loop) Turn(max time.Duration) error {
	if l.closed {
		return ErrClosed
	}
	if l.inTurn {
		panic("loop: Turn called from inside a callback")
	}
	l.owner.enter()
	defer l.owner.leave()
	short := l.apply()
	l.turn++
	var events []event
	var err error
	if asksFirst {
		events, err = l.poller.wait(0)
	}
	if err == nil && len(events) == 0 {
		if d := l.bound(max, short); d != 0 || !asksFirst {
			events, err = l.poller.wait(d)
		}
	}
	if err != nil {
		return err
	}
	l.clock.read()
	l.inTurn = true
	l.dog.begin()

	again := l.takeAgain() // before the timers, whose Again is for the next turn
	l.fire()
	l.feedAgain(again)
	l.deliver(events)
	l.dog.enter(nil) // the collecting of signals and children is no callback's
	signals, posts := l.mail.take()
	l.deliverSignals(signals)
	l.reap()
	l.runPosts(posts)
	l.runLater()
	l.settle()

	l.dog.end()
	l.dog.turned(&l.clock)
	l.inTurn = false
	return nil
}

// bound is how long the wait may last: not beyond the next timer, and not at
// all when there is work to do.
func (l *Loop) bound(limit time.Duration, short bool) time.Duration {
	if l.reapNow || len(l.later)+len(l.dirty)+len(l.again)+len(l.exits) > 0 {
		return 0
	}
	if when, ok := l.timers.next(); ok {
		l.clock.read()
		if l.clock.virtual && when > l.clock.now {
			return limit // no amount of waiting makes it due
		}
		if left := max(when-l.clock.now, 0); limit < 0 || left < limit {
			limit = left
		}
	}
	if short && (limit < 0 || limit > time.Second) {
		limit = time.Second
	}
	return limit
}

// Now is the time of this turn, read when its wait ended; outside a turn it
// is the time.
func (l *Loop) Now() time.Time {
	if !l.inTurn {
		l.clock.read()
	}
	return l.clock.time()
}

// Later calls f when this turn's callbacks are through, before output is
// written. Called from such an f it means the next turn, which does not wait.
func (l *Loop) Later(f func()) {
	l.owner.check()
	l.later = append(l.later, f)
}

func (l *Loop) runLater() {
	list := l.later
	l.later = l.lateSpare[:0]
	for _, f := range list {
		l.dog.enter(f)
		f()
	}
	clear(list) // or the closures would live on
	l.lateSpare = list
}

func (l *Loop) runPosts(list []func()) {
	for _, f := range list {
		l.dog.enter(f)
		f()
	}
	if list != nil {
		clear(list)
		l.mail.spare = list[:0]
	}
}

// Close ends the loop: connections are closed and learn ErrClosed, everything
// else is forgotten without another callback. Signals have the effect that
// they have without a callback; children go on; descriptors that were only
// watched stay open.
func (l *Loop) Close() error {
	l.owner.check()
	if l.closed {
		return nil
	}
	if l.inTurn {
		panic("loop: Close called from inside a callback; use Stop")
	}
	l.closed = true // first this: nothing new from Closed
	for _, w := range l.watches {
		if w != nil && w.conn != nil {
			w.conn.finish(ErrClosed)
		}
	}
	for s := range l.forwarders {
		l.unnotify(s)
	}
	l.dog.quit()
	l.dog = nil
	for _, k := range l.children {
		k.forgetPidfd()
	}
	clear(l.children)
	for _, w := range l.watches {
		w.Stop()
	}
	for len(l.timers.heap) > 0 {
		l.timers.remove(l.timers.heap[0].t)
	}
	l.mail.shut()
	l.starter.close()
	l.later, l.dirty, l.again, l.exits, l.changed = nil, nil, nil, nil, nil
	return l.poller.close()
}
