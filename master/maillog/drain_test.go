// SPDX-License-Identifier: ISC

package maillog_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"postloop/master/maillog"
)

// A process that ends with more in its queue than is taken in time says so, in
// place of the lines, if there is room for that.
func TestDrainTellsOfWhatItLeaves(t *testing.T) {
	path := socketPath(t)
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	sent := 0
	for ; !l.Pending(); sent++ {
		l.Infof("line %d", sent)
	}
	const more = 20
	for range more {
		l.Infof("line %d", sent)
		sent++
	}
	taken := sent - more - 1 // by the socket

	l.Fatalf("the reason")
	l.Drain(20 * time.Millisecond) // nobody reads
	const lost = more + 1
	if l.Lost() != lost || !l.Pending() {
		t.Fatalf("lost %d, want %d; pending %v", l.Lost(), lost, l.Pending())
	}
	for i := range taken {
		s.expect(t, fmt.Sprintf("%smx postfix/master[77]: line %d", stamp, i))
	}
	l.Flush()
	s.expect(t, fmt.Sprintf("%smx postfix/master[%d]: warning: %d log lines lost: their destination did not take them in time", stamp, os.Getpid(), lost))
	s.expect(t, stamp+"mx postfix/master[77]: fatal: the reason")
	s.empty(t)
	if l.Pending() || l.Lost() != lost {
		t.Errorf("pending %v, lost %d", l.Pending(), l.Lost())
	}
}

// occupy opens descriptors until none below limit is free.
func occupy(t *testing.T, limit int) {
	t.Helper()
	for fd := -1; fd < limit; {
		var err error
		if fd, err = syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
			t.Fatalf("%d descriptors are needed: %v", limit, err)
		}
		t.Cleanup(func() { _ = syscall.Close(fd) })
	}
}

// The last lines of a process with many descriptors open wait for their
// reader like those of any other.
func TestDrainWaitsOnALargeDescriptor(t *testing.T) {
	const setSize = 1024 // what select is declared for
	path := socketPath(t)
	s := serve(t, path)
	occupy(t, 2*setSize)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx"})
	last := 0
	for ; l.FD() < 0; last++ {
		l.Infof("line %d", last)
	}
	if l.FD() < setSize {
		t.Fatalf("descriptor %d", l.FD())
	}
	l.Fatalf("the reason")

	// Nobody reads: it waits as long as it may, and no longer.
	other := l.Clone()
	defer other.Close()
	other.Infof("never read")
	if other.FD() < setSize {
		t.Fatalf("descriptor %d", other.FD())
	}
	begin := time.Now()
	other.Drain(50 * time.Millisecond)
	if took := time.Since(begin); took < 50*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Drain(10 * time.Second)
	}()
	for i := range last {
		s.expect(t, fmt.Sprintf("%smx postfix/master[77]: line %d", stamp, i))
	}
	s.expect(t, stamp+"mx postfix/master[77]: fatal: the reason")
	<-done
	if l.Pending() || l.Lost() > 0 {
		t.Errorf("pending %v, lost %d", l.Pending(), l.Lost())
	}
}
