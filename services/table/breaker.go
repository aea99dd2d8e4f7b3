// SPDX-License-Identifier: ISC

package table

import "time"

// breaker keeps requests from a server that does not answer. After a number of
// failures in a row it is open: nobody is let through until a pause is over, and
// then one request, the probe. If that is answered, the breaker is closed again;
// if not, the next pause is twice as long, up to a limit.
//
// It has no timer: whoever comes when the pause is over is the probe.
type breaker struct {
	limit       int           // failures in a row that open it; 0: it is never open
	first, most time.Duration // pauses

	failures int
	pause    time.Duration // 0: it is closed
	until    time.Time     // the end of the pause
	probing  bool          // the probe is under way
}

// open reports whether requests are kept away.
func (b *breaker) open() bool { return b.pause > 0 }

// admit reports whether a request may go through, and if it is the probe. What
// becomes of that has to be told: to failed, succeeded or abandoned.
func (b *breaker) admit(now time.Time) (ok, probe bool) {
	switch {
	case !b.open():
		return true, false
	case b.probing || now.Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// failed is called when a request has got no answer. It reports whether that has
// opened the breaker. Requests from before it was open, which end now, say
// nothing new.
func (b *breaker) failed(now time.Time, probe bool) (opened bool) {
	switch {
	case b.open() && probe:
		b.probing = false
		b.pause = min(2*b.pause, b.most)
	case b.open():
		return false
	default:
		b.failures++
		if b.limit == 0 || b.failures < b.limit {
			return false
		}
		b.pause, opened = b.first, true
	}
	b.until = now.Add(b.pause)
	return opened
}

// succeeded is called when a request has got an answer. It reports whether that
// has closed the breaker.
func (b *breaker) succeeded() (closed bool) {
	closed = b.open()
	b.failures, b.pause, b.probing = 0, 0, false
	return closed
}

// abandoned is called when nobody wants to know any more what the probe has
// brought: the next request is one.
func (b *breaker) abandoned() { b.probing = false }
