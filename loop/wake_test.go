// SPDX-License-Identifier: ISC

package loop_test

import (
	"sync"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestPost: from many goroutines, nothing is lost, each one's order is kept,
// and the loop wakes up for it.
func TestPost(t *testing.T) {
	l := looptest.New(t)
	const posters, each = 8, 2000
	var last [posters]int
	total := 0
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := range each {
				l.Post(func() {
					if last[p] != i {
						t.Errorf("poster %d: %d after %d", p, i, last[p])
					}
					last[p]++
					total++
				})
			}
		})
	}
	looptest.Until(t, l, func() bool { return total == posters*each })
	wg.Wait()
}

// TestPostWakesOnce: a thousand posts before the loop looks are one event.
func TestPostWakesOnce(t *testing.T) {
	l := looptest.New(t)
	n := 0
	for range 1000 {
		l.Post(func() { n++ })
	}
	if got := l.Stats().Pending; got != 1000 {
		t.Errorf("%d pending", got)
	}
	before := l.Stats()
	turn(t, l)
	turn(t, l)
	if after := l.Stats(); n != 1000 || after.Events-before.Events != 1 {
		t.Errorf("%d calls, %d events", n, after.Events-before.Events)
	}
}

// TestPostWaits: the loop blocks until there is a post, and one that comes
// while it is about to block is not overlooked.
func TestPostWaits(t *testing.T) {
	l := looptest.NewReal(t)
	next := make(chan int)
	go func() {
		for range next {
			l.Post(func() { l.Stop() })
		}
	}()
	for i := range 2000 {
		next <- i
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
	}
	close(next)
}

// TestCloseOnExecFrom marks what is above, and nothing below.
func TestCloseOnExecFrom(t *testing.T) {
	const base = 400
	var fds []int
	for n := base; n < base+3; n++ {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD, n)
		if err != nil {
			t.Fatal(err)
		}
		defer closeFd(t, fd)
		fds = append(fds, fd)
	}
	if err := loop.CloseOnExecFrom(fds[1]); err != nil {
		t.Fatal(err)
	}
	for i, fd := range fds {
		if isSet(t, fd, unix.F_GETFD, unix.FD_CLOEXEC) != (i >= 1) {
			t.Errorf("descriptor %d", fd)
		}
	}
}
