// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// troubled is a listener whose socket is always ready, and whose accept is
// what the test says.
func troubled(t *testing.T, l *loop.Loop, accept func() error, trouble func(error)) (stop func()) {
	t.Helper()
	fd, sa := socket(t, unix.AF_UNIX)
	crowd(t, sa, 1) // stays in the queue
	ln := listen(t, l, fd, func(fd int, _ loop.Peer) { closeFd(t, fd) })
	ln.OnTrouble(trouble)
	ln.Accept(func(int, bool) (int, loop.Peer, error) {
		if err := accept(); err != nil {
			return -1, loop.Peer{}, err
		}
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return fd, loop.Peer{}, err
	})
	return func() { ln.Stop(); closeFd(t, fd) }
}

// TestListenChurn: where one client leaves for every one that comes, each
// accept that works is followed by one that fails. That is one trouble, with
// tries that grow rarer, until the queue is empty.
func TestListenChurn(t *testing.T) {
	l := looptest.New(t)
	start := l.Now()
	var tries []time.Duration
	var trouble []error
	odd, over := false, false
	stop := troubled(t, l, func() error {
		if over {
			return unix.EAGAIN
		}
		if odd = !odd; odd {
			tries = append(tries, l.Now().Sub(start))
			return nil
		}
		return unix.EMFILE
	}, func(err error) { trouble = append(trouble, err) })
	for range 100 {
		looptest.Advance(l, 50*ms)
	}
	var want []time.Duration
	for at, delay := 50*ms, 50*ms; at <= 5*time.Second; delay = min(2*delay, time.Second) {
		want = append(want, at)
		at += delay
	}
	if !slices.Equal(tries, want) {
		t.Errorf("tries after %v, wanted %v", tries, want)
	}
	if len(trouble) != 1 || !errors.Is(trouble[0], unix.EMFILE) {
		t.Errorf("trouble %v", trouble)
	}
	over = true
	looptest.Advance(l, time.Second)
	turn(t, l)
	if len(trouble) != 2 || trouble[1] != nil {
		t.Errorf("trouble %v", trouble)
	}
	stop()
}

// TestListenOnlyErrors: errors that are laid at a client's door, batch after
// batch, do not keep the loop busy.
func TestListenOnlyErrors(t *testing.T) {
	l := looptest.New(t)
	tries := 0
	var trouble []error
	stop := troubled(t, l, func() error { tries++; return unix.EPERM }, func(err error) { trouble = append(trouble, err) })
	for range 10 {
		turn(t, l)
	}
	if tries != loop.Batch || len(trouble) != 1 || !errors.Is(trouble[0], unix.EPERM) {
		t.Errorf("%d tries; trouble %v", tries, trouble)
	}
	stop()
}

// TestListenCannotTell: a system that does not know the question is not one
// where nothing listens.
func TestListenCannotTell(t *testing.T) {
	for _, test := range []struct {
		on        int
		err, want error
	}{
		{1, nil, nil},
		{0, nil, unix.EINVAL},
		{0, unix.ENOPROTOOPT, nil},
		{0, unix.ENOTSOCK, unix.ENOTSOCK},
	} {
		if got := loop.NotListening(test.on, test.err); !errors.Is(got, test.want) {
			t.Errorf("%d, %v: %v, wanted %v", test.on, test.err, got, test.want)
		}
	}
}
