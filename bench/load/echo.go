// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Echo is a closed loop over connections that stay: each client sends a message
// and waits until it has come back, or what else is to come, again and again.
type Echo struct {
	Addr    netip.AddrPort // IPv4, on loopback
	Path    string         // of a unix-domain socket, instead
	Clients int
	Size    int           // of a message, in bytes
	Hello   []byte        // what the server says first
	Ask     []byte        // a message of another kind than of any Size bytes, ...
	Want    []byte        // ... and what comes back
	Depth   int           // messages that a client has under way at once; 0 is one
	Warm    time.Duration // before anything is counted
	Time    time.Duration // that is counted
	Mark    Mark
}

// asker is a client of Echo.
type asker struct {
	fd    int
	got   int         // bytes of the answer that is coming
	began []time.Time // when each message under way was sent: a ring of Depth
	first int         // the oldest of them
	busy  int         // how many there are
}

// echoed is a run of Echo.
type echoed struct {
	*Echo
	ep      int
	clients []asker // by slot, which is what epoll's events carry
	message []byte  // Depth of them
	size    int     // of one
	want    []byte
	buf     []byte
	r       Result
	in      bool // the counted time
	over    bool // no new messages
}

// Run makes the load. With several messages under way a client sends another
// for each that has come back, and after the counted time waits for those that
// are left. The latency in the Result is that of each message that
// came back in the counted time, and what those have waited who waited for most
// of it in vain. An error is about the load itself, or ctx is
// done; what is wrong with answers is in the Result, and ends it.
func (e *Echo) Run(ctx context.Context) (*Result, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	defer func() { _ = unix.Close(ep) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run := &echoed{Echo: e, ep: ep, clients: make([]asker, e.Clients), message: e.Ask, want: e.Want}
	depth := max(e.Depth, 1)
	if e.Ask == nil {
		run.message = make([]byte, e.Size)
		for i := range run.message {
			run.message[i] = byte('a' + i%26)
		}
		run.want = run.message
	}
	run.size = len(run.message)
	run.message = bytes.Repeat(run.message, depth)
	run.buf = make([]byte, max(depth*len(run.want), 1))
	for i := range run.clients {
		run.clients[i].began = make([]time.Time, depth)
	}
	run.r.Latency = make([]time.Duration, 0, 1<<16+int(e.Time.Seconds()*(1<<20)))
	defer run.close()
	if err := run.connect(); err != nil {
		return nil, err
	}
	err = run.run(ctx)
	slices.Sort(run.r.Latency)
	return &run.r, err
}

// connect opens all connections, and sends the first message on each.
func (e *echoed) connect() error {
	if err := e.open(); err != nil {
		return err
	}
	for i := range e.clients {
		k := &e.clients[i]
		if err := e.send(k, len(k.began), time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// open opens all connections, and hears the greeting on each.
func (e *echoed) open() error {
	to, family, err := sockaddr(e.Addr, e.Path)
	if err != nil {
		return err
	}
	for i := range e.clients {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		e.clients[i].fd = fd
		if err := unix.Connect(fd, to); err != nil {
			return os.NewSyscallError("connect", err)
		}
		if err := e.greeted(fd); err != nil {
			return err
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		if family == unix.AF_INET {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(e.ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return nil
}

// greeted reads what the server says first.
func (e *echoed) greeted(fd int) error {
	for left := e.Hello; len(left) > 0; {
		buf := make([]byte, len(left))
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, int(drainTime.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			return fmt.Errorf("no greeting in %v", drainTime)
		}
		if n, err = unix.Read(fd, buf); err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 || !bytes.HasPrefix(left, buf[:n]) {
			return fmt.Errorf("%q is the greeting, want %q", buf[:n], left)
		}
		left = left[n:]
	}
	return nil
}

func (e *echoed) run(ctx context.Context) error {
	began := time.Now()
	var counted, used time.Duration // when the counted time began, and what CPU had been used by then
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := wait(e.ep, events)
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if err := e.ready(&e.clients[ev.Fd]); err != nil {
				e.r.Failed, e.r.Failure = 1, err
				return nil
			}
		}
		switch at := time.Since(began); {
		case ctx.Err() != nil:
			return ctx.Err()
		case at > e.Warm+e.Time+drainTime:
			e.r.Failed, e.r.Failure = 1, errNoAnswer
			return nil
		case !e.in && at >= e.Warm:
			e.Mark.now()
			counted, used, e.in = time.Since(began), threadCPU(), true
		case e.in && at-counted >= e.Time && len(e.r.Latency) > 0:
			e.r.Took, e.r.CPU = time.Since(began)-counted, threadCPU()-used
			e.Mark.now()
			e.stuck()
			if e.Depth > 1 {
				return e.finish(ctx, events)
			}
			return nil
		}
	}
}

// finishTime is how long nothing may come back before what is left is given up.
const finishTime = 500 * time.Millisecond

// finish waits for the messages that are still under way.
func (e *echoed) finish(ctx context.Context, events []unix.EpollEvent) error {
	e.in, e.over = false, true
	for last := time.Now(); ctx.Err() == nil; {
		n, err := wait(e.ep, events)
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if err := e.ready(&e.clients[ev.Fd]); err != nil {
				e.r.Failed, e.r.Failure = 1, err
				return nil
			}
		}
		if n > 0 {
			last = time.Now()
		}
		e.r.Left = 0
		for i := range e.clients {
			e.r.Left += e.clients[i].busy
		}
		if e.r.Left == 0 || time.Since(last) > finishTime {
			return nil
		}
	}
	return ctx.Err()
}

// stuck counts those who have waited for most of the time, and wait still: a
// closed loop would not show them. It counts what they have waited so far.
func (e *echoed) stuck() {
	for i := range e.clients {
		k := &e.clients[i]
		if waited := time.Since(k.began[k.first]); k.busy > 0 && waited > e.Time/2 {
			e.r.Latency = append(e.r.Latency, waited)
		}
	}
}

// send sends the next n messages of a client.
func (e *echoed) send(k *asker, n int, now time.Time) error {
	for range n {
		k.began[(k.first+k.busy)%len(k.began)] = now
		k.busy++
	}
	return send(k.fd, e.message[:n*e.size])
}

// ready reads what has come back; for every whole answer another message goes
// out.
func (e *echoed) ready(k *asker) error {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(k.fd), uintptr(unsafe.Pointer(&e.buf[0])), uintptr(len(e.buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return os.NewSyscallError("read", errno)
	case n == 0:
		return errors.New("the server has closed a connection")
	}
	now, whole := time.Now(), 0
	for rest := e.buf[:n]; len(rest) > 0; {
		part := rest[:min(len(rest), len(e.want)-k.got)]
		if k.busy == 0 || !bytes.HasPrefix(e.want[k.got:], part) {
			return fmt.Errorf("%q came back at byte %d", rest, k.got)
		}
		rest = rest[len(part):]
		if k.got += len(part); k.got < len(e.want) {
			break
		}
		if e.in {
			e.r.Latency = append(e.r.Latency, now.Sub(k.began[k.first]))
		}
		k.got, k.first, k.busy, whole = 0, (k.first+1)%len(k.began), k.busy-1, whole+1
	}
	if whole == 0 || e.over {
		return nil
	}
	return e.send(k, whole, now)
}

// close ends all connections.
func (e *echoed) close() {
	for _, k := range e.clients {
		reset(k.fd)
	}
}
