// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open is an open loop: requests come when they are scheduled, whether those
// before have been answered or not. One for which no connection is free waits
// for it, and its time runs: the latency is that from the scheduled time.
type Open struct {
	Path    string // of a unix-domain socket
	Clients int    // connections, that stay
	Rate    int    // requests a second
	Hello   []byte // what the server says first
	Ask     []byte
	Want    []byte        // what every request must be answered with
	Warm    time.Duration // before anything is counted
	Time    time.Duration // that is counted
	Mark    Mark
}

// opened is a run of Open.
type opened struct {
	*Open
	ep      int
	clients []visitor
	free    []int           // clients without a request
	late    []time.Duration // the scheduled times of requests that wait for one
	next    int             // number of the next request
	began   time.Time
	buf     [4096]byte
	r       Result
}

// visitor is a client of Open.
type visitor struct {
	fd  int
	due time.Duration // when its request was scheduled
	got int           // bytes of the answer
}

// Run makes the load, and waits for the answers to all that was scheduled in the
// counted time; one that does not come in drainTime is a failure, and counts with
// what it has waited. An error is about the load itself, or ctx is done.
func (o *Open) Run(ctx context.Context) (*Result, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	defer func() { _ = unix.Close(ep) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run := &opened{Open: o, ep: ep}
	defer func() {
		for _, k := range run.clients {
			reset(k.fd)
		}
	}()
	e := &echoed{Echo: &Echo{Path: o.Path, Hello: o.Hello}, ep: ep, clients: make([]asker, o.Clients)}
	err = e.open()
	for i, k := range e.clients {
		run.clients, run.free = append(run.clients, visitor{fd: k.fd}), append(run.free, i)
	}
	if err != nil {
		return nil, err
	}
	err = run.run(ctx)
	slices.Sort(run.r.Latency)
	return &run.r, err
}

// due is when request number n is scheduled.
func (o *opened) due(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(o.Rate)
}

func (o *opened) run(ctx context.Context) error {
	o.began = time.Now()
	end, used, marks := o.Warm+o.Time, time.Duration(0), 0
	events := make([]unix.EpollEvent, 64)
	for {
		now := time.Since(o.began)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case marks == 0 && now >= o.Warm:
			o.Mark.now()
			used, marks = threadCPU(), 1
		case marks == 1 && now >= end:
			o.r.Took, o.r.CPU, marks = now-o.Warm, threadCPU()-used, 2
			o.Mark.now()
		case marks == 2 && len(o.late) == 0 && len(o.free) == len(o.clients):
			return nil
		case marks == 2 && now > end+drainTime:
			o.giveUp(now)
			return nil
		}
		if err := o.ask(now, end); err != nil {
			return err
		}
		until := end
		if marks == 2 {
			until = now + waitTime*time.Millisecond
		} else if o.due(o.next) < end {
			until = o.due(o.next)
		}
		n, err := waitUntil(o.ep, events, until-time.Since(o.began))
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if err := o.ready(int(ev.Fd)); err != nil {
				o.r.Failed, o.r.Failure = 1, err
				return nil
			}
		}
	}
}

// ask sends what is due by now and before the end, as far as there are clients
// that are free.
func (o *opened) ask(now, end time.Duration) error {
	for ; o.due(o.next) <= now && o.due(o.next) < end; o.next++ {
		o.late = append(o.late, o.due(o.next))
	}
	for len(o.late) > 0 && len(o.free) > 0 {
		// The one that was free for the longest: all take part.
		k := &o.clients[o.free[0]]
		k.due, k.got = o.late[0], 0
		o.free, o.late = o.free[1:], o.late[1:]
		if err := send(k.fd, o.Ask); err != nil {
			return err
		}
	}
	return nil
}

// ready reads an answer, after which its client is free.
func (o *opened) ready(slot int) error {
	k := &o.clients[slot]
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(k.fd), uintptr(unsafe.Pointer(&o.buf)), uintptr(len(o.buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return os.NewSyscallError("read", errno)
	case n == 0:
		return errors.New("the server has closed a connection")
	case int(n) > len(o.Want)-k.got || !bytes.HasPrefix(o.Want[k.got:], o.buf[:n]):
		return fmt.Errorf("answered with %q at byte %d", o.buf[:n], k.got)
	}
	if k.got += int(n); k.got < len(o.Want) {
		return nil
	}
	o.count(k.due, time.Since(o.began))
	k.got = 0
	o.free = append(o.free, slot)
	return nil
}

func (o *opened) count(due, now time.Duration) {
	if due >= o.Warm {
		o.r.Latency = append(o.r.Latency, now-due)
	}
}

// giveUp counts those that were not answered.
func (o *opened) giveUp(now time.Duration) {
	free := map[int]bool{}
	for _, slot := range o.free {
		free[slot] = true
	}
	for slot := range o.clients {
		if !free[slot] {
			o.late = append(o.late, o.clients[slot].due)
		}
	}
	for _, due := range o.late {
		o.count(due, now)
	}
	o.r.Failed, o.r.Failure = len(o.late), errNoAnswer
}

// waitUntil is wait for less than a millisecond, too.
func waitUntil(ep int, events []unix.EpollEvent, d time.Duration) (int, error) {
	if d > 0 {
		limit := unix.NsecToTimespec(int64(min(d, waitTime*time.Millisecond)))
		fds := []unix.PollFd{{Fd: int32(ep), Events: unix.POLLIN}}
		n, err := unix.Ppoll(fds, &limit, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("ppoll", err)
		}
		if n <= 0 {
			return 0, nil
		}
	}
	n, err := unix.EpollWait(ep, events, 0)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, os.NewSyscallError("epoll_wait", err)
	}
	return max(n, 0), nil
}
