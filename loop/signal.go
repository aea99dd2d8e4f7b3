// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"os/signal"
)

// forwarder is the goroutine between os/signal and the loop.
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
	if f == nil {
		delete(l.signals, s)
		if s == sigchld && l.reaping {
			return
		}
		if signal.Ignored(s) { // Reset alone would leave it so
			l.notify(s)
		}
		signal.Reset(s)
		return
	}
	if s == sigchld { // its handler may have been taken away
		handleSigchld()
		l.quiet = false
	}
	l.signals[s] = f
	l.notify(s)
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
}

// notify has s forwarded to the mailbox.
func (l *Loop) notify(s os.Signal) {
	f := &l.forwarder
	if f.in == nil {
		// One place for each signal there is: os/signal drops what it
		// cannot send, and a full channel then holds this very signal.
		f.in, f.done = make(chan os.Signal, 128), make(chan struct{})
		go forward(f.in, f.done, &l.mail)
	}
	signal.Notify(f.in, s)
}

func forward(in <-chan os.Signal, done chan<- struct{}, m *mailbox) {
	for s := range in {
		m.signal(s)
	}
	close(done)
}

// end stops the forwarding; signals have the effect that they had without it.
func (f *forwarder) end() {
	if f.in == nil {
		return
	}
	signal.Stop(f.in) // first this: it waits until nobody sends any more
	close(f.in)
	<-f.done
	f.in = nil
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
