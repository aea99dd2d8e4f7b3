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
	begin := time.Now()
	l.Drain(50 * time.Millisecond)
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
