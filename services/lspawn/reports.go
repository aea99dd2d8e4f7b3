// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// maxWaiting is how much may wait to be written before commands are left unread.
const maxWaiting = 64 << 10

// reports writes to qmail-send. It never waits for it: what the pipe does not
// take is written when it does.
type reports struct {
	l     *loop.Loop
	fd    int
	watch *loop.Watch
	buf   []byte
	put   bool   // flush will be called in this turn
	dead  bool   // nobody reads any more: what is said is forgotten
	moved func() // something was written, or will never be
}

// open takes over the descriptor, which is made non-blocking.
func (r *reports) open() (err error) {
	if err = unix.SetNonblock(r.fd, true); err == nil {
		r.watch, err = r.l.Watch(r.fd, 0, r.writable)
	}
	return err
}

// send queues bytes, to be written when the turn ends.
func (r *reports) send(text ...string) {
	if r.dead {
		return
	}
	for _, s := range text {
		r.buf = append(r.buf, s...)
	}
	if !r.put && r.watch != nil {
		r.put = true
		r.l.Later(r.flush)
	}
}

// waiting is how much has not been written.
func (r *reports) waiting() int { return len(r.buf) }

func (r *reports) flush() {
	r.put = false
	r.write()
	r.moved()
}

func (r *reports) writable(loop.Ready) { r.flush() }

func (r *reports) write() {
	n, err := unix.Write(r.fd, r.buf)
	switch {
	case n > 0:
		r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default: // as good as a reader who has gone: deliveries go on
		r.dead, r.buf = true, nil
	}
	want := loop.Ready(0)
	if len(r.buf) > 0 {
		want = loop.Writable
	} else if cap(r.buf) > keep {
		r.buf = nil
	}
	r.watch.Want(want)
}

func (r *reports) close() {
	r.watch.Stop()
	_ = unix.SetNonblock(r.fd, false)
}
