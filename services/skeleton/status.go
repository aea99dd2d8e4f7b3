// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"os"

	"postloop/loop"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// status is our end of the status channel. All processes of the service
// share it, and its mode with it, so that it is asked not to block with each
// record. What it does not take at once waits.
type status struct {
	d       *Daemon
	watch   *loop.Watch
	waiting []int32 // what the master has not been told yet: at most two
	deaf    bool    // the master has closed its end
}

func (d *Daemon) openStatus() (*status, error) {
	s := &status{d: d}
	var err error
	s.watch, err = d.Loop.Watch(d.statusFD, loop.Readable, s.ready)
	return s, err
}

// stop ends the watching.
func (s *status) stop() {
	if s != nil {
		s.watch.Stop()
	}
}

// say tells the master that this process is taken or available. It reports
// false when nobody is there to be told.
func (s *status) say(avail int32) bool {
	if s == nil {
		return true
	}
	if s.d.Log.Verbose > 0 {
		s.d.Log.Debugf("master_notify: status %d", avail)
	}
	if n := len(s.waiting); n == 2 {
		// The master can do without the client that came and went meanwhile.
		s.waiting = s.waiting[:1]
	} else {
		s.waiting = append(s.waiting, avail)
	}
	s.flush()
	return !s.deaf
}

// flush sends what waits.
func (s *status) flush() {
	for len(s.waiting) > 0 && !s.deaf {
		record := proto.Status{Pid: int32(os.Getpid()), Generation: s.d.generation, Avail: s.waiting[0]}
		err := unix.Send(s.d.statusFD, record.Append(nil), unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
			break
		}
		s.deaf = err != nil
		s.waiting = s.waiting[1:]
	}
	s.want()
}

// want asks for room if there is something to be sent, and for the end if that
// is not known.
func (s *status) want() {
	var r loop.Ready
	if !s.d.over {
		r |= loop.Readable
	}
	if len(s.waiting) > 0 && !s.deaf {
		r |= loop.Writable
	}
	s.watch.Want(r)
}

// ready is called when there is room, or when the master has closed its end.
// That never writes: whatever there is to read means the same.
func (s *status) ready(r loop.Ready) {
	if r&loop.Writable != 0 {
		s.flush()
	}
	if r&loop.Readable != 0 {
		s.d.leave("master disconnect")
		s.want()
	}
}
