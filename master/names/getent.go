// SPDX-License-Identifier: ISC

package names

import (
	"fmt"
	"time"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Limits on the processes that look names up.
const (
	maxQueries  = 4 // at once
	queryTime   = 10 * time.Second
	queryOutput = 64 << 10 // what is kept; a group can have very many members
)

// query is one getent process. It has ended when both its exit and the end
// of its output have been seen, in whatever order they come.
type query struct {
	n     *Resolver
	q     question
	done  func()
	pid   int
	out   *loop.Watch
	fd    int // our end of its output; -1: the end was seen
	timer *loop.Timer
	text  []byte
	exit  *loop.Exit // nil: it runs
	late  bool       // it was killed
}

// Resolve looks up everything that is missing and then calls done, once and
// not before the current callback has returned. Afterwards every question that
// was asked has an answer.
func (n *Resolver) Resolve(l *loop.Loop, done func()) {
	n.waiting = append(n.waiting, n.missing...)
	n.missing = n.missing[:0]
	n.next(l, done)
}

// Abandon kills the processes that still look names up; Resolve's done is not
// called.
func (n *Resolver) Abandon() {
	n.waiting = nil
	for _, k := range n.running {
		k.done = func() {}
		_ = unix.Kill(k.pid, unix.SIGKILL)
	}
}

// next starts processes while there is room, and ends the matter when there is
// nothing left to do.
func (n *Resolver) next(l *loop.Loop, done func()) {
	for len(n.waiting) > 0 && len(n.running) < maxQueries {
		q := n.waiting[0]
		n.waiting = n.waiting[1:]
		k := &query{n: n, q: q, fd: -1}
		k.done = func() { n.next(l, done) }
		if err := k.start(l); err != nil {
			n.answers[q] = answer{err: err}
			continue
		}
		n.running = append(n.running, k)
	}
	if len(n.running) == 0 {
		l.Later(done)
	}
}

// start runs getent with its output in a pipe. A system without it has no names
// but those in the files.
func (k *query) start(l *loop.Loop) error {
	path := ""
	for _, p := range k.n.Getent {
		if unix.Access(p, unix.X_OK) == nil {
			path = p
			break
		}
	}
	if path == "" {
		return ErrUnknown
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return k.failed("open /dev/null: %s", maillog.Strerror(err))
	}
	defer func() { _ = unix.Close(null) }()
	r, w, err := outputPipe()
	if err != nil {
		return k.failed("pipe: %s", maillog.Strerror(err))
	}
	defer func() { _ = unix.Close(w) }()
	if k.out, err = l.Watch(r, loop.Readable, k.readable); err != nil {
		_ = unix.Close(r)
		return k.failed("%s", maillog.Strerror(err))
	}
	k.fd = r
	k.pid, err = l.Spawn(&loop.Cmd{
		Path:  path,
		Dir:   "/",
		Args:  []string{"getent", k.q.database, k.q.name},
		Env:   []string{"PATH=/bin:/usr/bin:/sbin:/usr/sbin", "LANG=C"},
		Files: []int{null, w, null},
	}, k.exited)
	if err != nil {
		k.closeOutput()
		return k.failed("%s", maillog.Strerror(err))
	}
	k.timer = l.After(queryTime, k.expired)
	return nil
}

// outputPipe returns a pipe to read without waiting what a process writes.
func outputPipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return -1, -1, err
	}
	unix.CloseOnExec(p[0])
	unix.CloseOnExec(p[1])
	if err := unix.SetNonblock(p[0], true); err != nil {
		_ = unix.Close(p[0])
		_ = unix.Close(p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

func (k *query) failed(format string, args ...any) error {
	return fmt.Errorf("getent %s %s: %s", k.q.database, k.q.name, fmt.Sprintf(format, args...))
}

// readable takes the output in, up to its end; what is too much is dropped.
func (k *query) readable(loop.Ready) {
	var buf [4096]byte
	for {
		n, err := unix.Read(k.fd, buf[:])
		switch {
		case n > 0:
			k.text = append(k.text, buf[:min(n, queryOutput-len(k.text))]...)
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return
		default: // its end, or as good as that
			k.closeOutput()
			k.finish()
			return
		}
	}
}

func (k *query) closeOutput() {
	k.out.Stop() // first this: the number may be given away at once
	_ = unix.Close(k.fd)
	k.fd = -1
}

func (k *query) exited(e loop.Exit) {
	k.exit = &e
	k.finish()
}

// expired gives the process up. Its output is no longer waited for: someone
// else may hold the other end.
func (k *query) expired() {
	k.late = true
	if k.exit == nil {
		_ = unix.Kill(k.pid, unix.SIGKILL)
	}
	if k.fd >= 0 {
		k.closeOutput()
	}
	k.finish()
}

// finish stores the answer when the process and its output have ended.
func (k *query) finish() {
	if k.exit == nil || k.fd >= 0 {
		return
	}
	k.timer.Stop()
	const notFound = 2 // getent's exit status
	a := answer{text: string(k.text)}
	switch status := k.exit.Status; {
	case k.late:
		a.err = k.failed("no answer within %s", queryTime)
	case status.Signaled():
		a.err = k.failed("killed by signal %d", status.Signal())
	case status.ExitStatus() == notFound:
		a.err = ErrUnknown
	case status.ExitStatus() != 0:
		a.err = k.failed("exit status %d", status.ExitStatus())
	}
	n := k.n
	n.answers[k.q] = a
	for i, other := range n.running {
		if other == k {
			n.running = append(n.running[:i], n.running[i+1:]...)
			break
		}
	}
	k.done()
}
