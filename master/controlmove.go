// SPDX-License-Identifier: ISC

package master

import (
	"fmt"

	"postloop/loop"
	"postloop/master/handover"
	"postloop/master/maillog"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// HandOver is what another program in the place of this one has to know of the
// socket and its clients. Those that are in the middle of something, but for the
// one that has asked for that program, lose their connections.
func (c *Control) HandOver() *handover.Control {
	if c == nil {
		return nil
	}
	h := &handover.Control{SocketFile: c.file.handOver(), Asker: -1}
	for _, o := range c.ops {
		if o != c.asker && (o.waits || o.conn.Queued() > 0 || len(o.conn.Unused()) > 0) {
			continue
		}
		if o == c.asker {
			h.Asker = len(h.Operators)
		}
		h.Operators = append(h.Operators, o.conn.FD())
	}
	return h
}

// AdoptControl goes on with the socket of another program in this process.
// answer is for the one who has asked for that, and does nothing if there is none.
func (m *Master) AdoptControl(h *handover.Control, op Operator) (c *Control, answer func(text string, err error), err error) {
	c = &Control{m: m, op: op, file: adoptSocketFile(h.SocketFile)}
	if c.ln, err = m.loop.Listen(h.FD, c.accepted); err != nil {
		closeAll(append(h.Operators, h.FD))
		return nil, nil, fmt.Errorf("control socket %s: %s", h.Path, maillog.Strerror(err))
	}
	answer = func(string, error) {}
	for i, fd := range h.Operators {
		o := c.admit(fd)
		if o != nil && i == h.Asker {
			answer = func(text string, err error) {
				if err != nil {
					o.answer(notDone(err))
					return
				}
				o.answer(report.Answer{OK: true, Text: text})
			}
		}
	}
	return c, answer, nil
}

// admit begins a conversation with an operator; nil if that cannot be.
func (c *Control) admit(fd int) *operator {
	o := &operator{c: c}
	conn, err := c.m.loop.Conn(fd, o, loop.Limits{Idle: operatorIdle, Input: report.RequestLimit, Output: operatorOutput})
	if err != nil {
		c.m.log.Warnf("control socket: %s", maillog.Strerror(err))
		unix.Close(fd)
		return nil
	}
	o.conn = conn
	c.ops = append(c.ops, o)
	return o
}
