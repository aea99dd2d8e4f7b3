// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"io"

	"postloop/loop"
	"postloop/services/attr"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

// session is the conversation with one client. Its state is the bytes that have
// not been used, as long as no answer is due from elsewhere.
type session struct {
	s     *Service
	c     *loop.Conn
	scan  attr.Scanner
	newer bool // the dialect that the client has spoken last

	asked  request // waits: for an answer that comes later
	waits  bool
	leaves bool // the process does

	timer   *loop.Timer // for the rest of a request; nil: never needed
	partial int         // so much of one has come
	late    bool        // its time is over, but for what lies there already

	owing   bool  // in s.owing
	written int64 // to c
	sent    int64 // of that, when it was last looked at
	waited  bool  // something did
	out     []byte
}

// Why a client was sent away that wants to be waited for, or has others wait.
var (
	errSlow = errors.New("timeout")
	errMuch = errors.New("too much")
)

// Opened greets the client, which waits for that.
func (k *session) Opened(c *loop.Conn) {
	k.c = c
	c.Write(greeting)
}

// Data answers one request.
func (k *session) Data(c *loop.Conn, in []byte) (used int) {
	list, used, err := k.scan.Scan(in)
	switch {
	case err != nil:
		k.s.log.Warnf("%s on %s", err, k.peer())
		c.Close(err)
		return 0
	case used == 0:
		k.started(len(in))
		return 0
	}
	if k.partial > 0 {
		k.s.partial -= k.partial
		k.partial, k.late = 0, false
		k.timer.Stop()
	}
	k.request(list)
	clear(list) // or a long request would live on while the client asks nothing
	return used
}

// peer is what the other end is called in the log.
func (k *session) peer() string { return k.s.name + " socket" }

// request answers a request, or sees that it will be.
func (k *session) request(list []attr.Attr) {
	q, ok, complaint := parse(list, k.newer, k.peer())
	if complaint != "" {
		k.s.log.Warnf("%s", complaint)
	}
	if q.what == noRequest {
		return
	}
	k.newer = q.newer
	r := reply{status: StatusBad}
	if ok {
		r = k.s.ask(&q, k.answered)
	}
	if r.status == table.Later {
		k.asked, k.waits = q, true
		k.c.Hold()
		return
	}
	k.reply(&q, &r)
}

// answered is called with an answer that was due.
func (k *session) answered(r reply) {
	if !k.waits { // the client has been sent away
		return
	}
	k.waits = false
	k.reply(&k.asked, &r)
	k.asked = request{}
	k.c.Again()
}

// reply sends an answer.
func (k *session) reply(q *request, r *reply) {
	k.out = appendReply(k.out[:0], q, r)
	k.c.Write(k.out)
	k.written += int64(len(k.out))
	if cap(k.out) > 64<<10 {
		k.out = nil
	}
	if !k.owing {
		k.owing, k.waited = true, false
		k.s.owes(k)
	}
	if k.leaves {
		k.c.Close(nil)
	}
}

// started is called when n bytes of a request are there.
func (k *session) started(n int) {
	switch {
	case k.partial > 0:
	case k.timer == nil:
		k.timer = k.s.loop.After(requestTime, k.expired)
	default:
		k.timer.Reset(requestTime)
	}
	k.s.partial += n - k.partial
	k.partial = n
	if k.s.partial > maxPartial {
		k.s.log.Warnf("too many long requests at once on %s", k.peer())
		k.c.Close(errMuch)
	}
}

// expired ends a connection on which the rest of a request does not come. What
// has come while the loop was busy elsewhere is read first: in this turn, behind
// the timers.
func (k *session) expired() {
	if !k.late {
		k.late = true
		k.timer.Reset(0)
		return
	}
	k.s.log.Warnf("timeout on %s while reading input attribute %s", k.peer(), k.part())
	k.c.Close(errSlow)
}

// part is what of an attribute is missing.
func (k *session) part() string {
	if k.scan.InValue() {
		return "value"
	}
	return "name"
}

// swept ends a connection on which nothing has moved of what waited for the
// client already.
func (k *session) swept() {
	left := int64(k.c.Queued())
	if left == 0 {
		return
	}
	sent := k.written - left
	if k.waited && sent == k.sent {
		k.s.log.Warnf("timeout on %s while writing", k.peer())
		k.c.Close(errSlow)
		return
	}
	k.owing, k.waited, k.sent = true, true, sent
	k.s.owes(k)
}

// Leave ends the conversation, once what was asked is answered.
func (k *session) Leave() {
	k.leaves = true
	if !k.waits && k.partial == 0 {
		k.c.Close(nil)
	}
}

// Closed says why a conversation has ended, unless the client has simply left.
func (k *session) Closed(_ *loop.Conn, err error) {
	k.timer.Stop()
	k.s.partial -= k.partial
	k.waits, k.partial = false, 0
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		k.s.log.Warnf("unexpected end-of-input from %s while reading input attribute %s", k.peer(), k.part())
	case errors.Is(err, loop.ErrTooLong):
		k.s.log.Warnf("request from %s is longer than %d bytes", k.peer(), maxRequest)
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
	}
}
