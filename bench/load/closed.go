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

// Closed is a closed loop: so many clients, each of which connects, reads to
// the end, closes, and begins anew at once. With Ask it is the client that ends
// the connection, when it has its answer.
type Closed struct {
	Addr    netip.AddrPort // IPv4, on loopback
	Path    string         // of a unix-domain socket, instead
	Clients int
	Hello   []byte        // what the server says first, where Ask follows
	Ask     []byte        // what is sent then; nil: nothing
	Want    []byte        // what every connection must be answered with
	Warm    time.Duration // before anything is counted
	Time    time.Duration // that is counted
	Mark    Mark
}

// Result is what the counted time has brought.
type Result struct {
	Took    time.Duration
	Latency []time.Duration // of each connection that ended in it, ascending: from before connect to the end of the answer
	CPU     time.Duration   // that the load itself has used
	Failed  int             // connections without the whole answer, in the counted time or not
	Left    int             // messages of Echo that were never answered, when there were several under way on a connection
	Failure error           // the first one
}

// drainTime is how long the last clients may take after the counted time.
const drainTime = 5 * time.Second

// errNoAnswer is a connection that still had no end when drainTime was over.
var errNoAnswer = errors.New("no answer")

// client is one connection.
type client struct {
	fd    int
	began time.Time
	got   int // bytes of the answer
}

// closed is a run of Closed.
type closed struct {
	*Closed
	ep      int
	to      unix.RawSockaddrAny
	toSize  uintptr
	want    []byte   // Hello and Want
	clients []client // by slot, which is what epoll's events carry
	busy    int
	r       Result
	in      bool // the counted time
	over    bool // no new connections
	buf     [512]byte
}

// Run makes the load. An error is about the load itself, or ctx is done; what
// is wrong with answers is in the Result.
func (c *Closed) Run(ctx context.Context) (*Result, error) {
	run := &closed{Closed: c, want: slices.Concat(c.Hello, c.Want), clients: make([]client, c.Clients)}
	if err := run.address(); err != nil {
		return nil, err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	defer func() { _ = unix.Close(ep) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run.ep = ep
	run.r.Latency = make([]time.Duration, 0, 1<<16+int(c.Time.Seconds()*(1<<16)))
	err = run.run(ctx)
	for i := range run.clients {
		run.drop(&run.clients[i])
	}
	slices.Sort(run.r.Latency)
	return &run.r, err
}

// address makes the address that the kernel takes.
func (c *closed) address() error {
	if _, _, err := sockaddr(c.Addr, c.Path); err != nil {
		return err
	}
	if c.Path != "" {
		to := (*unix.RawSockaddrUnix)(unsafe.Pointer(&c.to))
		if len(c.Path) >= len(to.Path) {
			return fmt.Errorf("load on %s: %w", c.Path, unix.ENAMETOOLONG)
		}
		to.Family, c.toSize = unix.AF_UNIX, unix.SizeofSockaddrUnix
		for i := range len(c.Path) {
			to.Path[i] = int8(c.Path[i])
		}
		return nil
	}
	to := (*unix.RawSockaddrInet4)(unsafe.Pointer(&c.to))
	to.Family, to.Addr, c.toSize = unix.AF_INET, c.Addr.Addr().As4(), unix.SizeofSockaddrInet4
	port := c.Addr.Port()
	*(*[2]byte)(unsafe.Pointer(&to.Port)) = [2]byte{byte(port >> 8), byte(port)}
	return nil
}

func (c *closed) run(ctx context.Context) error {
	for i := range c.clients {
		if err := c.connect(i); err != nil {
			return err
		}
	}
	began := time.Now()
	var counted, used time.Duration // when the counted time began, and what CPU had been used by then
	events := make([]unix.EpollEvent, 64)
	for c.busy > 0 {
		n, err := wait(c.ep, events)
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if err := c.ready(int(ev.Fd)); err != nil {
				return err
			}
		}
		switch at := time.Since(began); {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.over && at-counted > c.Time+drainTime:
			c.fail(fmt.Errorf("%w from %d connections", errNoAnswer, c.busy), c.busy)
			return nil
		case !c.in && !c.over && at >= c.Warm:
			c.Mark.now()
			counted, used, c.in = time.Since(began), threadCPU(), true
		case c.in && at-counted >= c.Time && (c.heard() || at-counted > c.Time+drainTime):
			c.r.Took, c.r.CPU = time.Since(began)-counted, threadCPU()-used
			c.Mark.now()
			c.in, c.over = false, true
		}
	}
	return nil
}

// heard reports whether anybody was answered in the counted time, which a
// single slow answer may outlast.
func (c *closed) heard() bool { return len(c.r.Latency) > 0 || c.r.Failed > 0 }

func (c *closed) fail(err error, n int) {
	if c.r.Failure == nil {
		c.r.Failure = err
	}
	c.r.Failed += n
}

// connect begins the next connection of a client.
func (c *closed) connect(slot int) error {
	k := &c.clients[slot]
	k.began, k.got = time.Now(), 0
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(c.to.Addr.Family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return os.NewSyscallError("socket", errno)
	}
	k.fd = int(fd)
	_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&c.to)), c.toSize)
	if errno != 0 && errno != unix.EINPROGRESS {
		_ = unix.Close(k.fd)
		return os.NewSyscallError("connect", errno)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(slot)}
	_, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(c.ep), unix.EPOLL_CTL_ADD, fd, uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		_ = unix.Close(k.fd)
		return os.NewSyscallError("epoll_ctl", errno)
	}
	c.busy++
	return nil
}

// ready reads what there is of the answer; at its end the next connection
// begins.
func (c *closed) ready(slot int) error {
	k := &c.clients[slot]
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(k.fd), uintptr(unsafe.Pointer(&c.buf)), uintptr(len(c.buf)))
		switch {
		case errno == unix.EAGAIN:
			return nil
		case errno == unix.EINTR:
			continue
		case errno != 0:
			c.fail(os.NewSyscallError("read", errno), 1)
		case n > 0:
			if !bytes.HasPrefix(c.want[min(k.got, len(c.want)):], c.buf[:n]) {
				c.fail(fmt.Errorf("answered with %q at byte %d", c.buf[:n], k.got), 1)
				break
			}
			k.got += int(n)
			if c.Ask == nil {
				continue
			}
			if k.got == len(c.Hello) {
				if err := send(k.fd, c.Ask); err != nil {
					c.fail(err, 1)
					break
				}
			}
			if k.got < len(c.want) {
				return nil // what is to come announces itself
			}
			if c.in {
				c.r.Latency = append(c.r.Latency, time.Since(k.began))
			}
		case k.got < len(c.want):
			c.fail(fmt.Errorf("the answer ends after %d of %d bytes", k.got, len(c.want)), 1)
		case c.in:
			c.r.Latency = append(c.r.Latency, time.Since(k.began))
		}
		c.drop(k)
		if c.over {
			return nil
		}
		return c.connect(slot)
	}
}

// drop ends a connection.
func (c *closed) drop(k *client) {
	if k.fd > 0 {
		reset(k.fd)
		k.fd = 0
		c.busy--
	}
}

// waitTime is how long nothing may happen before run looks at its watch.
const waitTime = 20 // ms

// wait is epoll_wait without the runtime's knowledge: no other goroutine needs
// this processor, and telling costs a microsecond per wake-up.
func wait(ep int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), waitTime, 0, 0)
	switch {
	case errno == unix.EINTR:
		return 0, nil
	case errno != 0:
		return 0, os.NewSyscallError("epoll_wait", errno)
	}
	return int(n), nil
}

// threadCPU is the processor time of this thread.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
