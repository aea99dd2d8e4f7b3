// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"bufio"
	"errors"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"
)

// logbook has the lines that the processes of a stage write, and knows when
// none of them is left: they all have the writing end of a pipe to it.
type logbook struct {
	mu      sync.Mutex
	lines   []string
	next    int // the first line that has not been matched yet
	writers int
	changed chan struct{} // closed and replaced with every change
	reading sync.Mutex    // held to read nothing more for a while
}

// follow takes in what comes from r, with a prefix to each line.
func (l *logbook) follow(r *os.File, prefix string) {
	l.change(func() { l.writers++ })
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			l.reading.Lock()
			l.change(func() { l.lines = append(l.lines, prefix+in.Text()) })
			l.reading.Unlock()
		}
		_ = r.Close()
		l.change(func() { l.writers-- })
	}()
}

func (l *logbook) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

var errLate = errors.New("too late")

// await waits until met, which is called with the lock held. Where nobody is
// left to write there is nothing to wait for.
func (l *logbook) await(deadline time.Time, met func() bool) error {
	for {
		l.mu.Lock()
		ok, over, changed := met(), l.isOver(), l.changed
		l.mu.Unlock()
		switch {
		case ok:
			return nil
		case over:
			return errors.New("all processes have ended")
		}
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			return errLate
		}
	}
}

// match waits for a line after those matched before.
func (l *logbook) match(deadline time.Time, re *regexp.Regexp) error {
	return l.await(deadline, func() bool {
		i := slices.IndexFunc(l.lines[l.next:], re.MatchString)
		if i >= 0 {
			l.next += i + 1
		}
		return i >= 0
	})
}

func (l *logbook) isOver() bool { return l.writers == 0 }

func (l *logbook) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isOver()
}

func (l *logbook) copy() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}
