// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"os/signal"
)

// forwarder is the goroutine between os/signal and the loop. Each signal has
// one of its own: os/signal drops what a channel has no room for, and in a
// storm of one signal the other would be lost. A channel for one signal is
// full when that very signal waits in it.
type forwarder struct {
	in   chan os.Signal
	done chan struct{}
}

// OnSignal calls f after the descriptors of the turn in which s arrives. One
// that arrives again before f is called is not counted: a signal says that
// something has happened, not how often. With f nil the signal has the effect
// again that it has in a Go program which knows nothing of it.
//
// Children start with the default for every signal that has a callback.
func (l *Loop) OnSignal(s os.Signal, f func()) {
	l.owner.check()
	switch {
	case f != nil:
		if s == sigchld { // its handler may have been taken away
			handleSigchld()
			l.quiet = false
		}
		l.signals[s] = f
		l.notify(s)
	case s == sigchld && l.reaping:
		delete(l.signals, s)
	default:
		delete(l.signals, s)
		if signal.Ignored(s) { // Reset alone would leave it so
			l.notify(s)
		}
		signal.Reset(s)
		l.unnotify(s)
	}
}

// IgnoreSignal makes the process, and the children it starts from now on,
// ignore s. OnSignal ends it.
func (l *Loop) IgnoreSignal(s os.Signal) {
	l.owner.check()
	if s == sigchld {
		panic("loop: SIGCHLD must not be ignored: the kernel would keep exits to itself")
	}
	delete(l.signals, s)
	signal.Ignore(s)
	l.unnotify(s)
}

// notify has s forwarded to the mailbox.
func (l *Loop) notify(s os.Signal) {
	f, ok := l.forwarders[s]
	if !ok {
		f = forwarder{make(chan os.Signal, 1), make(chan struct{})}
		l.forwarders[s] = f
		go f.forward(&l.mail)
	}
	signal.Notify(f.in, s)
}

// unnotify ends what notify began; the signal has the effect that it had
// without it, unless it was given another.
func (l *Loop) unnotify(s os.Signal) {
	f, ok := l.forwarders[s]
	if !ok {
		return
	}
	delete(l.forwarders, s)
	signal.Stop(f.in) // first this: it waits until nobody sends any more
	close(f.in)
	<-f.done
}

func (f forwarder) forward(m *mailbox) {
	for s := range f.in {
		if b, ok := s.(barrier); ok {
			close(b)
			continue
		}
		m.signal(s)
	}
	close(f.done)
}

// barrier goes the way of a signal, and is closed where a signal would go into
// the mailbox: all that were before it are there.
type barrier chan struct{}

func (barrier) Signal()        {}
func (barrier) String() string { return "barrier" }

// gatherSignals waits until every signal that a thread has taken is in the
// mailbox.
func (l *Loop) gatherSignals() {
	for s, f := range l.forwarders {
		own := make(chan os.Signal, 1)
		signal.Notify(own, s)
		signal.Stop(own) // it waits until the runtime has passed on what it has
		b := make(barrier)
		f.in <- b
		<-b
	}
}

// deliverSignals calls back for what has arrived.
func (l *Loop) deliverSignals(list []os.Signal) {
	for _, s := range list {
		if s == sigchld && l.reaping {
			l.reapNow = true
		}
		if f := l.signals[s]; f != nil {
			l.dog.enter(f)
			f()
		}
	}
}
