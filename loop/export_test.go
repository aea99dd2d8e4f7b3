// SPDX-License-Identifier: ISC

package loop

import "golang.org/x/sys/unix"

// WakeFd is readable while the mailbox has something.
func (l *Loop) WakeFd() int { return l.mail.waker.readable() }

// Batch is how many connections a listener takes in a turn.
const Batch = acceptBatch

// Buffers counts the buffers that lie free.
func (l *Loop) Buffers() (n int) {
	for _, list := range l.buffers.free {
		n += len(list)
	}
	return n
}

// NoPidfds makes l start its children as on a system that has none.
func (l *Loop) NoPidfds() { l.starter = plain{l.starter} }

type plain struct{ starter }

func (p plain) start(c *Cmd) (pid, pidfd int, err error) {
	pid, pidfd, err = p.starter.start(c)
	if pidfd >= 0 {
		_ = unix.Close(pidfd)
	}
	return pid, -1, err
}

// Unapplied counts the system calls that the next turn will make for changes
// in what is watched for.
func (l *Loop) Unapplied() (n int) {
	for _, w := range l.changed {
		if w.fd >= 0 && w.want != w.asked {
			n++
		}
	}
	return n
}

// HoldsBuffer reports whether c has memory for input or output.
func (c *Conn) HoldsBuffer() bool { return c.in != nil || c.out != nil }

// DrainIdle is how long a connection without a limit may be still once it is
// closed.
const DrainIdle = drainIdle

// NotListening is what Listen makes of the answer to SO_ACCEPTCONN.
var NotListening = notListening

// Accept makes ln take its connections from f.
func (ln *Listener) Accept(f func(fd int, blocking bool) (int, Peer, error)) { ln.accept = f }

// How timers are moved, and the room that is kept for them.
const (
	Moves     = moves
	RoomLeast = roomLeast
)

// UnmovedTimers counts the timers whose place is that of an earlier time.
func (l *Loop) UnmovedTimers() (n int) {
	for _, e := range l.timers.heap {
		if e.seq != e.t.seq {
			n++
		}
	}
	return n
}

// TimerRoom is how many timers there is room for.
func (l *Loop) TimerRoom() int { return cap(l.timers.heap) }
