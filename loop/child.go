// SPDX-License-Identifier: ISC

package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Exit is how a child ended: its number, which may be another's from now on, its
// status as of wait4(2), and what it has used, its own children included.
type Exit struct {
	Pid    int
	Status unix.WaitStatus
	Usage  unix.Rusage
}

// child is a process that was started and has not been reaped.
type child struct {
	l      *Loop
	pid    int
	pidfd  Watch
	hasFd  bool // false: its end is learnt from SIGCHLD
	turn   uint64
	exited func(Exit)
	end    Exit // once reaped by waitAny
}

// Spawn starts a process and returns when it runs its program or has failed
// to. exited is called once, in a later turn, after that turn's descriptors;
// it may be nil. A child whose exit other code has collected (nobody should)
// counts as exited with status 255.
//
// The child has no signal blocked (on the BSDs and macOS: none but what this
// process was started with blocked), ignores what this process ignores and has
// the default for everything else, and the limit of open files that this
// process was started with.
func (l *Loop) Spawn(c *Cmd, exited func(Exit)) (pid int, err error) {
	l.owner.check()
	if l.closed {
		return 0, ErrClosed
	}
	l.quietly()
	pid, pidfd, err := l.starter.start(c)
	if err != nil {
		return 0, err
	}
	l.attend(pid, pidfd, exited)
	return pid, nil
}

// quietly has exits be learnt from pidfds, where nobody wants the signal.
func (l *Loop) quietly() {
	if !l.reaping && !l.quiet && l.signals[sigchld] == nil {
		defaultSigchld()
		l.quiet = true
	}
}

// attend has the end of a child be noticed; pidfd, which may be -1, is the
// loop's from then on.
func (l *Loop) attend(pid, pidfd int, exited func(Exit)) {
	k := l.newChild(pid, exited)
	k.turn = l.turn
	l.children[pid] = k
	if l.reaping && pidfd >= 0 {
		_ = unix.Close(pidfd)
		pidfd = -1
	}
	if pidfd >= 0 {
		w := &k.pidfd
		err := l.register(w, pidfd, Readable)
		if isShortage(err) { // the next turns will try again
			if err = l.register(w, pidfd, 0); err == nil {
				w.Want(Readable)
			}
		}
		if err != nil {
			_ = unix.Close(pidfd)
			pidfd = -1
		} else {
			w.ours = true
			l.ours++
			k.hasFd = true
		}
	}
	if pidfd < 0 { // the child runs: its end must be learnt in some way
		l.reapBySignal()
	}
}

// Confines reports whether this system can take from a child what a Cmd says:
// Nice, Rlimits, NoNewPrivs and Caps. Where it cannot, Spawn refuses those.
func (l *Loop) Confines() bool { return l.starter.confines() }

// spareChildren is how many are kept for use again, so that a loop that starts
// one after the other makes no garbage.
const spareChildren = 64

func (l *Loop) newChild(pid int, exited func(Exit)) *child {
	var k *child
	if n := len(l.spare); n > 0 {
		k = l.spare[n-1]
		l.spare = l.spare[:n-1]
	} else {
		k = &child{l: l}
		k.pidfd.f = k.ended
	}
	k.pid, k.exited = pid, exited
	return k
}

// recycle takes back a child that has been reported.
func (l *Loop) recycle(k *child) {
	if k.pidfd.changed || len(l.spare) == spareChildren { // the next turn still looks at its watch
		return
	}
	*k = child{l: l, pidfd: Watch{f: k.pidfd.f, fd: -1}}
	l.spare = append(l.spare, k)
}

// Children counts those that were started and not yet reported to have ended.
func (l *Loop) Children() int { return len(l.children) }

// OnOrphan makes the loop reap children that nobody here has started, and call
// f for each: for pid 1, and for a subreaper. From then on it waits for any
// child, and knows of exits through SIGCHLD.
func (l *Loop) OnOrphan(f func(Exit)) {
	l.owner.check()
	l.orphan = f
	l.reapBySignal()
}

// reapBySignal changes over, for good, from pidfds to SIGCHLD and wait4: for
// orphans, and where the kernel has no pidfds or does not let them be watched.
// A mere want of memory is not a reason; see Spawn.
func (l *Loop) reapBySignal() {
	if l.reaping {
		return
	}
	l.reaping = true
	handleSigchld()
	l.notify(sigchld)
	for _, k := range l.children {
		k.forgetPidfd()
	}
	l.reapNow = true // some may have ended before anybody listened
}

// ended takes note that a pidfd has become readable.
func (k *child) ended(Ready) { k.l.ended = append(k.l.ended, k) }

func (k *child) forgetPidfd() {
	if k.hasFd {
		fd := k.pidfd.fd
		k.pidfd.Stop() // first this: see Watch.Stop
		_ = unix.Close(fd)
		k.hasFd = false
	}
}

// reap collects the children that have ended, and reports them.
func (l *Loop) reap() {
	list := l.ended
	l.ended = nil
	for _, k := range list {
		if l.children[k.pid] != k { // waitAny was first
			continue
		}
		k.end.Pid = k.pid
		pid, err := wait4(k.pid, &k.end)
		switch {
		case pid == k.pid:
		case errors.Is(err, unix.ECHILD):
			k.end.Status = 255 << 8
		default: // not yet; the pidfd will say so again
			continue
		}
		k.forgetPidfd()
		delete(l.children, k.pid)
		l.exits = append(l.exits, k)
	}
	clear(list)
	if l.ended == nil {
		l.ended = list[:0]
	}
	if l.reapNow {
		l.waitAny()
	}
	l.reportExits()
}

// waitAny collects every child that has ended, but no more than a batch.
func (l *Loop) waitAny() {
	for range batch {
		var end Exit
		pid, err := wait4(-1, &end)
		if pid <= 0 || err != nil {
			l.reapNow = false
			return
		}
		end.Pid = pid
		k := l.children[pid]
		if k == nil {
			k = l.newChild(pid, l.orphan)
		}
		delete(l.children, pid)
		k.end = end
		l.exits = append(l.exits, k)
	}
}

// reportExits calls back for the reaped, except those started in this turn:
// Spawn's caller has not had a chance to take note of them.
func (l *Loop) reportExits() {
	list := l.exits
	l.exits = l.exitsSpare[:0]
	for _, k := range list {
		if k.turn == l.turn {
			l.exits = append(l.exits, k)
			continue
		}
		if k.exited != nil {
			l.dog.enter(k.exited)
			k.exited(k.end)
		}
		l.recycle(k)
	}
	clear(list)
	l.exitsSpare = list
}

func wait4(pid int, end *Exit) (int, error) {
	for {
		got, err := unix.Wait4(pid, &end.Status, unix.WNOHANG, &end.Usage)
		if err != unix.EINTR {
			return got, err
		}
	}
}
