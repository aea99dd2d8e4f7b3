// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// shared is a number that several goroutines may use.
type shared = atomic.Int64

// mailbox takes what other goroutines have for the loop, and wakes it. Its
// lock is the only one that the loop's goroutine takes on its own account.
type mailbox struct {
	filled  shared // how much is in here: most turns need not take the lock
	mu      sync.Mutex
	posts   []func()
	signals []os.Signal // no two equal
	woken   bool        // the loop has been told and has not looked yet
	closed  bool
	waker   waker
	spare   []func() // the loop's: the last turn's posts, emptied
}

// Post has f called by the loop, after the descriptors of the turn it wakes.
// It is the one method that another goroutine may call, at any time; after
// Close it does nothing. Posts are called in the order they came in.
func (l *Loop) Post(f func()) {
	m := &l.mail
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.posts = append(m.posts, f)
	m.filled.Add(1)
	m.wake()
}

// signal has the loop deliver s; one that is waiting already is not doubled.
func (m *mailbox) signal(s os.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || slices.Contains(m.signals, s) {
		return
	}
	m.signals = append(m.signals, s)
	m.filled.Add(1)
	m.wake()
}

// wake makes one system call for all that comes in before the loop looks.
func (m *mailbox) wake() {
	if !m.woken {
		m.woken = true
		m.waker.wake()
	}
}

// take empties the mailbox.
func (m *mailbox) take() (signals []os.Signal, posts []func()) {
	if m.filled.Load() == 0 {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.filled.Store(0)
	m.woken = false
	m.waker.quiet()
	signals, posts = m.signals, m.posts
	m.signals, m.posts = nil, m.spare
	m.spare = nil
	return signals, posts
}

// waiting counts what take would return.
func (m *mailbox) waiting() int { return int(m.filled.Load()) }

// shut makes the mailbox refuse everything, then closes the waker.
func (m *mailbox) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.posts, m.signals = nil, nil
	m.filled.Store(0)
	m.waker.close()
}
