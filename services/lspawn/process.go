// SPDX-License-Identifier: ISC

package lspawn

import (
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// process is a child whose output is read. It has ended when both its exit and
// the end of its output have been seen, in whatever order they come; or its
// exit alone, when somebody it has left behind holds the output for too long.
type process struct {
	l     *loop.Loop
	said  func([]byte)          // a piece of output
	ended func(unix.WaitStatus) // once, last

	held  time.Duration // how long the output may outlive the process; 0: for ever
	lasts time.Duration // how long the process may run; 0: for ever

	pid    int
	fd     int // our end of the pipe; -1: the end was seen
	out    *loop.Watch
	buf    []byte
	timer  *loop.Timer
	gone   bool // its exit was seen
	late   bool // it was killed
	status unix.WaitStatus
}

// open makes the pipe. w is the end for start.
func (p *process) open() (w int, err error) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return -1, err
	}
	// Between these nobody starts a child.
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	p.fd = ends[0]
	if err = unix.SetNonblock(p.fd, true); err == nil {
		p.out, err = p.l.Watch(p.fd, loop.Readable, p.readable)
	}
	if err != nil {
		unix.Close(ends[0])
		unix.Close(ends[1])
		return -1, err
	}
	return ends[1], nil
}

// start runs the command, which has w among its files, and closes w. On an
// error nothing is left, and ended is not called.
func (p *process) start(cmd *loop.Cmd, w int) (err error) {
	p.pid, err = p.l.Spawn(cmd, p.exited)
	unix.Close(w) // or the end of output would never be seen
	if err != nil {
		p.closeOutput()
		return err
	}
	if p.lasts > 0 {
		p.timer = p.l.After(p.lasts, p.expired)
	}
	return nil
}

// readable takes in a piece of output: one a turn, so that who says much keeps
// nobody waiting.
func (p *process) readable(loop.Ready) {
	if !p.read() && p.fd < 0 {
		p.finish()
	}
}

// read reports whether there was something to read.
func (p *process) read() bool {
	n, err := unix.Read(p.fd, p.buf)
	switch {
	case n > 0:
		p.said(p.buf[:n])
		return true
	case err == unix.EINTR || err == unix.EAGAIN:
	default: // its end, or as good as that
		p.closeOutput()
	}
	return false
}

func (p *process) closeOutput() {
	p.out.Stop() // first this: the number may be given away at once
	unix.Close(p.fd)
	p.fd = -1
}

func (p *process) exited(e loop.Exit) {
	p.gone, p.status = true, e.Status
	switch {
	case p.fd < 0:
	case p.late:
		p.closeOutput()
	case p.held > 0 && p.timer == nil:
		p.timer = p.l.After(p.held, p.expired)
	case p.held > 0:
		p.timer.Reset(p.held)
	}
	p.finish()
}

// expired gives up a process that runs for too long, or the output of one that
// has ended, but for what is in the pipe.
func (p *process) expired() {
	if !p.gone {
		p.late = true
		_ = unix.Kill(p.pid, unix.SIGKILL)
		return
	}
	const most = 16 // reads: somebody may write on and on
	for i := 0; i < most && p.fd >= 0 && p.read(); i++ {
	}
	if p.fd >= 0 {
		p.closeOutput()
	}
	p.finish()
}

// finish reports the end when there is nothing to wait for.
func (p *process) finish() {
	if p.gone && p.fd < 0 {
		p.timer.Stop()
		p.ended(p.status)
	}
}
