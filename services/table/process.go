// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// patience is how long a worker may take to end by itself once nobody asks it any
// more: one without work, and one that is busy, for which somebody has waited in
// vain.
type patience struct{ idle, busy time.Duration }

// readerEnds is that with workers which only read.
var readerEnds = patience{idle: 2 * time.Second}

// process is a worker, from its start to its end.
type process struct {
	e    *Env
	name string // of the program
	pid  int
	ends patience
	left func() // is called when it is gone
	kill *loop.Timer
	gone bool
	shot bool // by us
}

// startWorker starts a program of the directory of workers for the table called
// ref, with a socket as its descriptor 0, and returns our end of that. end is to
// be called once that is closed. left is called when the process is gone, unless
// there is an error.
func (e *Env) startWorker(program, ref string, ends patience, left func()) (fd int, end func(busy bool), err error) {
	if e.Workers == "" {
		return -1, nil, errors.New("there is no directory with such programs")
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	said := make([]int, 2)
	if err := unix.Pipe(said); err != nil {
		closeAll(pair[:])
		return -1, nil, os.NewSyscallError("pipe", err)
	}
	for _, fd := range append(pair[:], said...) {
		unix.CloseOnExec(fd)
	}
	p := &process{e: e, name: program, ends: ends, left: left}
	p.pid, err = e.Loop.Spawn(&loop.Cmd{
		Path: e.Workers + "/" + program, Args: []string{program, ref}, Env: e.environ(),
		Files: []int{pair[1], said[1], said[1]}, User: e.WorkersUser, Rlimits: e.WorkersRlimits,
	}, p.exited)
	closeAll([]int{pair[1], said[1]})
	if err == nil {
		_, err = e.Loop.Conn(said[0], p, loop.Limits{Input: 4096})
		if err != nil {
			p.left = func() {} // it ends by itself: it has nothing to answer
			p.ended(true)
		}
	}
	if err != nil {
		closeAll([]int{pair[0], said[0]})
		return -1, nil, err
	}
	return pair[0], p.ended, nil
}

// environ is the environment of workers: what environ: tables may see.
func (e *Env) environ() []string {
	if e.Environ == nil {
		return os.Environ()
	}
	list := make([]string, 0, len(e.Environ))
	for name, value := range e.Environ {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

func closeAll(list []int) {
	for _, fd := range list {
		_ = unix.Close(fd)
	}
}

// ended is called when nothing is asked of the worker any more.
func (p *process) ended(busy bool) {
	wait := p.ends.idle
	if busy {
		wait = p.ends.busy
	}
	switch {
	case p.gone:
	case wait == 0:
		p.stop()
	default:
		p.kill = p.e.Loop.After(wait, p.stop)
	}
}

func (p *process) stop() {
	p.shot = true
	_ = unix.Kill(p.pid, unix.SIGKILL)
}

// exited is called when the process is gone.
func (p *process) exited(x loop.Exit) {
	p.gone = true
	p.kill.Stop()
	switch {
	case x.Status.Exited() && x.Status.ExitStatus() == 0:
	case x.Status.Signaled() && p.shot:
	case x.Status.Signaled():
		p.e.Log.Warnf("process %s pid %d killed by signal %d", p.name, p.pid, x.Status.Signal())
	default:
		p.e.Log.Warnf("process %s pid %d exit status %d", p.name, p.pid, x.Status.ExitStatus())
	}
	p.left()
}

// Data logs what the worker says on its standard error: why it cannot go on.
func (p *process) Data(_ *loop.Conn, in []byte) (used int) {
	line, _, whole := bytes.Cut(in, []byte{'\n'})
	if !whole && len(in) < 2048 {
		return 0
	}
	used = len(line)
	if whole {
		used++
	}
	if text := bytes.TrimSpace(line); len(text) > 0 {
		p.e.Log.Warnf("%s", fmt.Sprintf("%s[%d]: %.200s", p.name, p.pid, text))
	}
	return used
}

// Closed is called when there is nothing more to come.
func (p *process) Closed(*loop.Conn, error) {}
