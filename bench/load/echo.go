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
	Warm    time.Duration // before anything is counted
	Time    time.Duration // that is counted
	Mark    func()        // called when the counted time begins and when it is over; may be nil
}

// echoed is a run of Echo.
type echoed struct {
	*Echo
	ep      int
	clients []client // by slot, which is what epoll's events carry
	message []byte
	want    []byte
	buf     []byte
	r       Result
	in      bool // the counted time
}

// Run makes the load. The latency in the Result is that of each message that
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
	run := &echoed{Echo: e, ep: ep, clients: make([]client, e.Clients), message: e.Ask, want: e.Want}
	if e.Ask == nil {
		run.message = make([]byte, e.Size)
		for i := range run.message {
			run.message[i] = byte('a' + i%26)
		}
		run.want = run.message
	}
	run.buf = make([]byte, max(len(run.want), 1))
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
	var to unix.Sockaddr = &unix.SockaddrUnix{Name: e.Path}
	family := unix.AF_UNIX
	if e.Path == "" {
		if !e.Addr.Addr().Is4() || !e.Addr.Addr().IsLoopback() {
			return fmt.Errorf("load on %s: not an IPv4 address of this machine's loopback", e.Addr)
		}
		to, family = &unix.SockaddrInet4{Port: int(e.Addr.Port()), Addr: e.Addr.Addr().As4()}, unix.AF_INET
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
	for i := range e.clients {
		if err := e.send(&e.clients[i]); err != nil {
			return err
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
			e.mark()
			counted, used, e.in = time.Since(began), threadCPU(), true
		case e.in && at-counted >= e.Time && len(e.r.Latency) > 0:
			e.r.Took, e.r.CPU = time.Since(began)-counted, threadCPU()-used
			e.mark()
			e.stuck()
			return nil
		}
	}
}

// stuck counts those who have waited for most of the time, and wait still: a
// closed loop would not show them. It counts what they have waited so far.
func (e *echoed) stuck() {
	for i := range e.clients {
		if waited := time.Since(e.clients[i].began); waited > e.Time/2 {
			e.r.Latency = append(e.r.Latency, waited)
		}
	}
}

func (e *echoed) mark() {
	if e.Mark != nil {
		e.Mark()
	}
}

// send sends the next message of a client.
func (e *echoed) send(k *client) error {
	k.began, k.got = time.Now(), 0
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(k.fd), uintptr(unsafe.Pointer(&e.message[0])), uintptr(len(e.message)))
	switch {
	case errno != 0:
		return os.NewSyscallError("write", errno)
	case int(n) != len(e.message):
		return fmt.Errorf("%d bytes of %d could be sent", n, len(e.message))
	}
	return nil
}

// ready reads what has come back; when that is all, the next message goes out.
func (e *echoed) ready(k *client) error {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(k.fd), uintptr(unsafe.Pointer(&e.buf[0])), uintptr(len(e.buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return os.NewSyscallError("read", errno)
	case n == 0:
		return errors.New("the server has closed a connection")
	case !bytes.HasPrefix(e.want[k.got:], e.buf[:n]):
		return fmt.Errorf("%q came back at byte %d", e.buf[:n], k.got)
	}
	if k.got += int(n); k.got < len(e.want) {
		return nil
	}
	if e.in {
		e.r.Latency = append(e.r.Latency, time.Since(k.began))
	}
	return e.send(k)
}

// close ends all connections by a reset: see closed.drop.
func (e *echoed) close() {
	for _, k := range e.clients {
		if k.fd > 0 {
			linger := unix.Linger{Onoff: 1}
			_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger)
			_ = unix.Close(k.fd)
		}
	}
}
