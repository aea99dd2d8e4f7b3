// SPDX-License-Identifier: ISC

//go:build linux && !looppoll

package loop

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// asksFirst: see wait.
const asksFirst = true

type poller struct {
	fd     int
	always standing
	coarse bool // no epoll_pwait2 (Linux before 5.11): whole milliseconds only
	raw    [batch]unix.EpollEvent
	events []event
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd, events: make([]event, 0, batch)}, nil
}

func (p *poller) close() error { return unix.Close(p.fd) }

func (p *poller) set(fd int, old, want Ready) error {
	// EpollEvent's layout differs between architectures; Fd is everywhere.
	ev := unix.EpollEvent{Fd: int32(fd)}
	if want&Readable != 0 {
		ev.Events |= unix.EPOLLIN
	}
	if want&Writable != 0 {
		ev.Events |= unix.EPOLLOUT
	}
	if want&exclusive != 0 {
		ev.Events |= unix.EPOLLEXCLUSIVE
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case len(p.always) > 0 && p.always.has(fd):
		p.always.set(fd, want)
		return nil
	case old == 0:
		op = unix.EPOLL_CTL_ADD
	case want == 0: // an entry that asks for nothing would still report hang-ups, for ever
		op = unix.EPOLL_CTL_DEL
	case (old|want)&exclusive != 0: // the kernel does not modify such an entry
		if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, &ev); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
		op = unix.EPOLL_CTL_ADD
	}
	err := unix.EpollCtl(p.fd, op, fd, &ev)
	if err == unix.EPERM && op == unix.EPOLL_CTL_ADD {
		p.always.set(fd, want)
		return nil
	}
	return os.NewSyscallError("epoll_ctl", err)
}

func (p *poller) wait(d time.Duration) ([]event, error) {
	if len(p.always) > 0 {
		d = 0
	}
	// A system call that may block costs some 11 us more when it does, one
	// the runtime does not know of keeps its monitor awake while it blocks. So
	// there is one for either case.
	var n uintptr
	var errno unix.Errno
	if d == 0 {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
			uintptr(unsafe.Pointer(&p.raw[0])), batch, 0, 0, 0)
	} else {
		n, errno = p.block(d)
	}
	if errno == unix.EINTR {
		return nil, nil
	}
	if errno != 0 {
		return nil, os.NewSyscallError("epoll_wait", errno)
	}
	p.events = p.events[:0]
	for i := range p.raw[:n] {
		p.events = append(p.events, event{int(p.raw[i].Fd), fromEpoll(p.raw[i].Events)})
	}
	p.events = append(p.events, p.always...)
	return p.events, nil
}

// block waits for an event for d at most, or without limit.
func (p *poller) block(d time.Duration) (uintptr, unix.Errno) {
	if !p.coarse {
		// The kernel's own 64-bit timespec, which unix.Timespec is not on
		// every 32-bit system.
		var ts *[2]int64
		if d > 0 {
			ts = &[2]int64{int64(d / time.Second), int64(d % time.Second)}
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd),
			uintptr(unsafe.Pointer(&p.raw[0])), batch, uintptr(unsafe.Pointer(ts)), 0, 0)
		if errno != unix.ENOSYS && errno != unix.EPERM { // EPERM: a sandbox that does not know the call
			return n, errno
		}
		p.coarse = true
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.raw[0])), batch, uintptr(milliseconds(d)), 0, 0)
	return n, errno
}

func fromEpoll(bits uint32) (r Ready) {
	if bits&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= Readable
	}
	if bits&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= Writable
	}
	return r
}
