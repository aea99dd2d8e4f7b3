// SPDX-License-Identifier: ISC

//go:build looppoll

package loop

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const asksFirst = false

// poller asks poll(2). It is there to keep the contract honest: whatever the
// tests say of the backend in use must hold for a second one on the same
// machine. Its cost grows with the number of descriptors.
type poller struct {
	asked  []unix.PollFd
	place  map[int]int // descriptor to its index in asked
	events []event
}

func newPoller() (*poller, error) {
	return &poller{place: make(map[int]int)}, nil
}

func (p *poller) close() error { return nil }

func (p *poller) set(fd int, old, want Ready) error {
	if want == 0 {
		p.forget(fd)
		return nil
	}
	if old == 0 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		p.place[fd] = len(p.asked)
		p.asked = append(p.asked, unix.PollFd{Fd: int32(fd)})
	}
	var bits int16
	if want&Readable != 0 {
		bits |= unix.POLLIN
	}
	if want&Writable != 0 {
		bits |= unix.POLLOUT
	}
	p.asked[p.place[fd]].Events = bits
	return nil
}

// forget fills fd's place with the last entry.
func (p *poller) forget(fd int) {
	at, last := p.place[fd], len(p.asked)-1
	p.asked[at] = p.asked[last]
	p.place[int(p.asked[at].Fd)] = at
	p.asked = p.asked[:last]
	delete(p.place, fd)
}

func (p *poller) wait(d time.Duration) ([]event, error) {
	n, err := unix.Poll(p.asked, milliseconds(d))
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("poll", err)
	}
	p.events = p.events[:0]
	for i := range p.asked {
		if len(p.events) == n {
			break
		}
		one := &p.asked[i]
		if one.Revents&unix.POLLNVAL != 0 {
			panic(fmt.Sprintf("loop: descriptor %d was closed before its Watch was stopped", one.Fd))
		}
		var r Ready
		if one.Revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
			r |= Readable
		}
		if one.Revents&(unix.POLLOUT|unix.POLLHUP|unix.POLLERR) != 0 {
			r |= Writable
		}
		if r != 0 {
			p.events = append(p.events, event{int(one.Fd), r})
		}
	}
	return p.events, nil
}
