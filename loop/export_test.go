// SPDX-License-Identifier: ISC

package loop

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

// HoldsBuffer reports whether c has memory for input or output.
func (c *Conn) HoldsBuffer() bool { return c.in != nil || c.out != nil }
