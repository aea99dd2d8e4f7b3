// SPDX-License-Identifier: ISC

//go:build (darwin || dragonfly || freebsd || netbsd || openbsd) && !looppoll

package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

type poller struct {
	fd     int
	always standing
	raw    [batch]unix.Kevent_t
	events []event
	place  []int // by descriptor: its index in events plus 1, while a wait's result is put together
}

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd) // a kqueue is not inherited over fork, but it is over exec without one
	return &poller{fd: fd, events: make([]event, 0, batch)}, nil
}

func (p *poller) close() error { return unix.Close(p.fd) }

func (p *poller) set(fd int, old, want Ready) error {
	if len(p.always) > 0 && p.always.has(fd) {
		p.always.set(fd, want)
		return nil
	}
	if old == 0 && isFile(fd) {
		// kqueue reports a file readable up to its end and silent after it,
		// epoll not at all, poll(2) always: the last is the contract.
		p.always.set(fd, want)
		return nil
	}
	var changes [2]unix.Kevent_t
	n := 0
	for _, c := range [...]struct {
		bit    Ready
		filter int
	}{{Readable, unix.EVFILT_READ}, {Writable, unix.EVFILT_WRITE}} {
		if (old^want)&c.bit == 0 {
			continue
		}
		flags := unix.EV_ADD
		if want&c.bit == 0 {
			flags = unix.EV_DELETE
		}
		unix.SetKevent(&changes[n], fd, c.filter, flags)
		n++
	}
	_, err := unix.Kevent(p.fd, changes[:n], nil, nil)
	return os.NewSyscallError("kevent", err)
}

// isFile reports whether fd is a regular file or a directory.
func isFile(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	return kind == unix.S_IFREG || kind == unix.S_IFDIR
}

func (p *poller) wait(d time.Duration) ([]event, error) {
	var limit *unix.Timespec
	if len(p.always) > 0 {
		d = 0
	}
	if d >= 0 {
		ts := unix.NsecToTimespec(int64(d))
		limit = &ts
	}
	n, err := unix.Kevent(p.fd, nil, p.raw[:], limit)
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("kevent", err)
	}
	p.events = p.events[:0]
	for i := range p.raw[:n] {
		p.add(&p.raw[i])
	}
	for _, e := range p.events {
		p.place[e.fd] = 0
	}
	p.events = append(p.events, p.always...)
	return p.events, nil
}

// add joins what the two filters report of one descriptor.
func (p *poller) add(ev *unix.Kevent_t) {
	fd, r := int(ev.Ident), Readable
	if ev.Filter == unix.EVFILT_WRITE {
		r = Writable
	}
	if ev.Flags&unix.EV_ERROR != 0 {
		r = Readable | Writable
	}
	for fd >= len(p.place) {
		p.place = append(p.place, make([]int, 64+len(p.place))...)
	}
	if at := p.place[fd]; at > 0 {
		p.events[at-1].ready |= r
		return
	}
	p.events = append(p.events, event{fd, r})
	p.place[fd] = len(p.events)
}
