// SPDX-License-Identifier: ISC

package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// drainIdle is how long nothing may move of what is left to be sent after
// Close, where Limits.Idle is 0: what is for ever in a conversation is a leak
// after it.
const drainIdle = 30 * time.Second

// expired is the idle timer's. Timers come before descriptors, and after a
// stall everybody's time is up: what can move now was not idle, but waited for
// us. It is asked for one by one, since a wait fetches no more than a batch.
func (c *Conn) expired() {
	if want := c.wants(); want != 0 && isReady(c.watch.fd, want) {
		c.alive()
		return
	}
	c.Close(ErrIdle)
}

// alive starts the idle clock again.
func (c *Conn) alive() {
	if c.idle != nil && !c.held {
		c.idle.Reset(c.lim.Idle)
	}
}

// isReady asks the kernel about one descriptor, outside of the wait.
func isReady(fd int, want Ready) bool {
	ask := []unix.PollFd{{Fd: int32(fd)}}
	if want&Readable != 0 {
		ask[0].Events |= unix.POLLIN
	}
	if want&Writable != 0 {
		ask[0].Events |= unix.POLLOUT
	}
	for {
		if _, err := unix.Poll(ask, 0); err != unix.EINTR {
			return ask[0].Revents&(unix.POLLIN|unix.POLLOUT|unix.POLLHUP|unix.POLLERR) != 0
		}
	}
}
