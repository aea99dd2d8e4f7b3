// SPDX-License-Identifier: ISC

//go:build (darwin || dragonfly || freebsd || netbsd || openbsd) && !looppoll

package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const asksFirst = false

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
	// One change in a call: of two the first would stand when the second
	// fails, and nothing would say so. What can fail comes first, and is undone.
	var added Ready
	for _, f := range filters {
		if want&^old&f.side == 0 {
			continue
		}
		err := p.change(fd, f.id, unix.EV_ADD)
		if err == nil {
			added |= f.side
			continue
		}
		if isWidowed(fd, err) {
			_ = p.forget(fd, old|added)
			p.always.set(fd, want)
			return nil
		}
		_ = p.forget(fd, added)
		return os.NewSyscallError("kevent", err)
	}
	return os.NewSyscallError("kevent", p.forget(fd, old&^want))
}

// filters are kqueue's names for the two sides of a descriptor.
var filters = [...]struct {
	side Ready
	id   int
}{{Readable, unix.EVFILT_READ}, {Writable, unix.EVFILT_WRITE}}

// forget deletes the filters of the given sides; one that is gone already is
// as good as deleted. It goes on after an error, and returns the first.
func (p *poller) forget(fd int, sides Ready) (first error) {
	for _, f := range filters {
		if sides&f.side == 0 {
			continue
		}
		if err := p.change(fd, f.id, unix.EV_DELETE); err != nil && err != unix.ENOENT && first == nil {
			first = err
		}
	}
	return first
}

func (p *poller) change(fd, filter, flags int) error {
	var one [1]unix.Kevent_t
	unix.SetKevent(&one[0], fd, filter, flags)
	_, err := unix.Kevent(p.fd, one[:], nil, nil)
	return err
}

// isWidowed reports whether err, of an attempt to watch fd, says that fd is
// the writing end of a pipe whose reader has gone. That is ready, as a hang-up
// is everywhere else: the next write finds it. NetBSD says EBADF, as if fd were
// closed; the others EPIPE.
func isWidowed(fd int, err error) bool {
	if err == unix.EBADF {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err == nil
	}
	return err == unix.EPIPE
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
