// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"postloop/loop"
	"postloop/services/table/wire"

	"golang.org/x/sys/unix"
)

// server is a few connections to one server, or to the first of several that
// can be reached, and the requests that wait for one of them. All tables of the
// same name and settings share it, so that the limit on connections is one for
// all of them.
//
// A connection carries one request at a time, and whatever else comes over it
// ends it: no answer can be taken for that to another request, whatever a
// server sends, and when. Requests that take long have a connection each, up to
// the limit, and the others go on beside them.
type server struct {
	e    *Env
	ref  string // of its tables
	ends []endpoint
	policy
	id    string // in Env.servers
	users int    // tables that are open

	breaker breaker
	at      int // of ends: the one that is in use, or tried next
	missed  int // how many have not been reached since one was
	links   []*link
	queue   []*ask
	asks    map[*ask]bool // queued, on a connection, or pausing
	holdoff *loop.Timer   // when it fires, connections may be made again
	held    bool          // it has been set, and has not fired
	conns   int           // at once
	closed  bool
}

// policy is what differs between protocols.
type policy struct {
	tries    int           // for a request
	pause    time.Duration // between two
	timeout  time.Duration // for one try, and for connecting; 0: deadline
	deadline time.Duration // for a request as a whole; 0: what Limits say, as it is if that is less
	patient  bool          // a server that cannot be reached is a try; without it, the last one
	idle     time.Duration // before a connection is closed; 0: one of them is kept
	ttl      time.Duration // of a connection; 0: for ever
	single   bool          // one connection, whatever Limits say
	input    int           // bytes of an answer

	hello []hello // for each new connection

	// start, where it is set, makes a connection instead of dialling: one to a
	// process. end is called when the connection is over; if the process was
	// busy then, it has to be stopped.
	start func() (fd int, end func(busy bool), err error)
	// after, where it is set, has then called once a process can be started; nil:
	// one can now.
	after func(then func()) canceller
	// timed puts in front of each request the time that is left for it, less a
	// grace, which is also how much later than Limits say the deadline is.
	timed bool
	grace time.Duration

	unreachable func(err error) // logs that a connection could not be made
	broken      func(err error) // logs that a request got no answer
}

// hello is something to be said at the beginning of a connection.
type hello struct {
	request []byte
	// read returns how much of in is the answer; 0: more is needed. An error
	// ends the connection.
	read func(in []byte) (n int, err error)
}

// Times where the protocol says nothing.
const (
	idleExtra  = 10 * time.Second       // of connections beyond the first
	shortPause = 100 * time.Millisecond // after a failed connect, where requests do not wait
)

// verdict is what a request's reader makes of the input so far.
type verdict struct {
	n      int // bytes of the answer; 0: more is needed
	answer Answer
	drop   bool  // the connection is not to be used again
	down   bool  // the answer is that there is none to be had
	err    error // this is no answer; try again, over another connection
}

// ask is a request and what becomes of it.
type ask struct {
	s       *server
	of      *share
	request []byte
	read    func(in []byte) verdict
	done    func(a Answer, err error) // err: why there is no answer

	link   *link // that carries it
	tries  int
	probe  bool        // the breaker's
	off    bool        // it was not let through
	stale  bool        // it has met a connection that the server had closed
	expire *loop.Timer // its deadline
	again  *loop.Timer // until the next try
}

// link is one connection.
type link struct {
	s      *server
	dial   canceller   // until it is made
	end    func(bool)  // policy.start's
	conn   *loop.Conn  // from then on
	hello  int         // how many have been answered
	ask    *ask        // nil: none
	used   bool        // it has carried one before
	got    bool        // something of the answer has come
	expire *loop.Timer // of the greeting or the try
	idle   *loop.Timer
	until  time.Time // its ttl
}

// canceller is a connection in the making.
type canceller interface{ cancel() }

// Errors of a try, in Postfix's words where it has any.
var (
	errEOF    = errors.New("unexpected EOF")
	errStray  = errors.New("data that nobody has asked for")
	errNoTime = unix.ETIMEDOUT
	errSaid   = errors.New("not asked") // the log has it already
)

// share is what a table has of a server.
type share struct{ *server }

// server returns a share in the server for the tables called ref.
func (e *Env) server(ref string, ends []endpoint, p policy) *share {
	limits := e.limits(ref)
	if most := limits.Deadline + p.grace; p.deadline == 0 || p.deadline > most {
		p.deadline = most
	}
	if p.timeout == 0 || p.timeout > p.deadline {
		p.timeout = p.deadline
	}
	if p.single {
		limits.Connections = 1
	}
	id := p.identity(ref, ends)
	s := e.servers[id]
	if s == nil {
		s = &server{
			e: e, ref: ref, ends: ends, policy: p, conns: limits.Connections, id: id, asks: map[*ask]bool{},
			breaker: breaker{limit: limits.Failures, first: limits.Backoff, most: max(limits.Backoff, limits.MaxBackoff)},
		}
		if e.servers == nil {
			e.servers = map[string]*server{}
		}
		e.servers[id] = s
	}
	s.users++
	return &share{s}
}

// identity is the same for servers that are the same.
func (p *policy) identity(ref string, ends []endpoint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %v", ref, ends, []any{p.tries, p.pause, p.timeout, p.deadline, p.patient, p.idle, p.ttl, p.input})
	for _, h := range p.hello {
		fmt.Fprintf(&b, " %q", h.request)
	}
	return b.String()
}

// submit sends a request as soon as there is a connection for it. done is
// called once, in another turn, unless the share is given up before.
func (h *share) submit(request []byte, read func(in []byte) verdict, done func(Answer, error)) {
	s := h.server
	a := &ask{s: s, of: h, request: request, read: read, done: done}
	a.expire = s.e.Loop.After(s.deadline, a.expired)
	s.asks[a] = true
	ok, probe := s.breaker.admit(s.e.Loop.Now())
	switch {
	case probe: // one try says enough
		a.probe, a.tries = true, s.tries-1
	case !ok, s.held && !s.patient && !s.usable():
		a.off = true
		a.again = s.e.Loop.After(0, func() { a.finish(Answer{Status: Retry}, errSaid) })
		return
	}
	s.queue = append(s.queue, a)
	s.pump()
}

// close gives up the share. Its requests are not answered, and the last one to
// go closes the connections.
func (h *share) close() {
	s := h.server
	for a := range s.asks {
		if a.of == h {
			a.abandon()
		}
	}
	if s.users--; s.users == 0 {
		delete(s.e.servers, s.id)
		s.close()
		return
	}
	s.pump()
}

// abandon forgets a request that nobody waits for any more.
func (a *ask) abandon() {
	s := a.s
	if l := a.link; l != nil {
		s.remove(l)
		l.release()
	}
	a.dequeue()
	if a.probe {
		s.breaker.abandoned()
	}
	a.forget()
}

// close lets go of everything, and of the requests without an answer.
func (s *server) close() {
	s.closed = true
	s.holdoff.Stop()
	for a := range s.asks {
		a.expire.Stop()
		a.again.Stop()
	}
	clear(s.asks)
	s.queue = nil
	for _, l := range s.links {
		l.release()
	}
	s.links = nil
}

// pump gives connections to requests, and makes some where there are too few.
func (s *server) pump() {
	for len(s.queue) > 0 && !s.closed {
		l := s.spare()
		if l == nil {
			break
		}
		a := s.queue[0]
		s.queue[0] = nil // or the array would keep it
		s.queue = s.queue[1:]
		l.carry(a)
	}
	if len(s.queue) == 0 {
		s.queue = nil
		return
	}
	if s.closed || s.held || len(s.links) >= s.conns || s.connecting() {
		return
	}
	l := &link{s: s}
	s.links = append(s.links, l)
	if s.start != nil {
		l.dial = starting{s.e.Loop.After(0, l.start)}
		return
	}
	d := s.e.dial(s.ends[s.at], s.timeout, l.connected)
	d.quiet = s.breaker.open()
	l.dial = d
}

// starting is a process that will be started in the next turn.
type starting struct{ *loop.Timer }

func (s starting) cancel() { s.Stop() }

// start makes a connection to a process.
func (l *link) start() {
	if l.s.after != nil {
		if l.dial = l.s.after(l.start); l.dial != nil {
			return
		}
	}
	fd, end, err := l.s.start()
	l.end = end
	l.connected(fd, err)
}

// spare is a connection with nothing to do, the one that was used last: the
// others may then become idle.
func (s *server) spare() *link {
	for i := len(s.links) - 1; i >= 0; i-- {
		if l := s.links[i]; l.ready() && l.ask == nil {
			return l
		}
	}
	return nil
}

// connecting reports whether a connection is in the making. One at a time
// tells whether the server can be reached at all.
func (s *server) connecting() bool {
	for _, l := range s.links {
		if !l.ready() {
			return true
		}
	}
	return false
}

// usable reports whether any connection works.
func (s *server) usable() bool {
	for _, l := range s.links {
		if l.ready() {
			return true
		}
	}
	return false
}

// remove forgets a connection.
func (s *server) remove(l *link) {
	for i := range s.links {
		if s.links[i] == l {
			s.links = append(s.links[:i], s.links[i+1:]...)
			return
		}
	}
}

// missedOne is called when a server could not be reached, or has not let us
// in. The next one is tried at once; when none is left, later.
func (s *server) missedOne(err error) {
	if !s.breaker.open() {
		s.unreachable(err)
	}
	s.at = (s.at + 1) % len(s.ends)
	if s.missed++; s.missed%len(s.ends) != 0 {
		s.pump()
		return
	}
	pause := s.pause
	if !s.patient {
		pause = shortPause
	}
	s.held = true
	s.holdoff.Stop()
	s.holdoff = s.e.Loop.After(pause, func() {
		s.held = false
		s.pump()
	})
	if s.usable() {
		return // for the requests there is hope
	}
	var lost []*ask
	kept := s.queue[:0]
	for _, a := range s.queue {
		if a.tries++; a.tries < s.tries && s.patient {
			kept = append(kept, a)
		} else {
			lost = append(lost, a)
		}
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	s.lost(err, lost...)
}

// lost answers requests that have got no answer, all for the same reason, which
// counts as one failure. It is for the first of them to tell.
func (s *server) lost(err error, list ...*ask) {
	if len(list) == 0 {
		return
	}
	if s.breaker.open() {
		err = errSaid
	}
	opened := s.breaker.failed(s.e.Loop.Now(), slices.ContainsFunc(list, func(a *ask) bool { return a.probe }))
	for _, a := range list {
		a.finish(Answer{Status: Retry}, err)
		err = errSaid
	}
	if opened {
		s.opened()
	}
}

// opened is called when the breaker has been opened. For those that wait there
// is no hope.
func (s *server) opened() {
	if s.closed {
		return
	}
	s.e.Log.Warnf("table %s: %d requests in a row without an answer -- not asking it for %ds", s.ref, s.breaker.limit, s.breaker.pause/time.Second)
	list := s.queue
	s.queue = nil
	for a := range s.asks {
		if a.again.Left() > 0 && !a.off {
			list = append(list, a)
		}
	}
	for _, a := range list {
		a.finish(Answer{Status: Retry}, errSaid)
	}
}

// worked is called when the server has answered.
func (s *server) worked() {
	if s.breaker.succeeded() {
		s.e.Log.Infof("table %s: is answered again", s.ref)
	}
}

// finish answers.
func (a *ask) finish(answer Answer, err error) {
	if !a.s.asks[a] {
		return
	}
	a.forget()
	a.done(answer, err)
}

func (a *ask) forget() {
	delete(a.s.asks, a)
	a.expire.Stop()
	a.again.Stop()
}

// expired is the deadline's: whoever asked is told, and what may come as an
// answer is not waited for.
func (a *ask) expired() {
	s := a.s
	if l := a.link; l != nil {
		s.remove(l)
		l.release()
		if !s.breaker.open() {
			s.broken(errNoTime)
		}
	}
	a.dequeue()
	s.lost(errNoTime, a)
	s.pump()
}

// dequeue takes a request out of the queue, if it is there.
func (a *ask) dequeue() {
	if i := slices.Index(a.s.queue, a); i >= 0 {
		a.s.queue = slices.Delete(a.s.queue, i, i+1)
	}
}

// failed is called when a try has come to nothing.
func (a *ask) failed(err error) {
	s := a.s
	open := s.breaker.open()
	if !open {
		s.broken(err)
	}
	if a.tries++; a.tries >= s.tries || open {
		s.lost(err, a)
		return
	}
	a.again.Stop()
	a.again = s.e.Loop.After(s.pause, func() {
		s.queue = append(s.queue, a)
		s.pump()
	})
}

// ready reports whether the connection can carry requests.
func (l *link) ready() bool { return l.conn != nil && l.hello == len(l.s.hello) }

// release closes the connection, at whatever stage it is. Nothing is called
// back.
func (l *link) release() {
	if l.dial != nil {
		l.dial.cancel()
		l.dial = nil
	}
	l.expire.Stop()
	l.idle.Stop()
	if l.conn != nil {
		if fd := l.conn.Detach(); fd >= 0 {
			_ = unix.Close(fd)
		}
		l.conn = nil
	}
	if l.end != nil {
		l.end(l.ask != nil || l.hello < len(l.s.hello))
		l.end = nil
	}
	if l.ask != nil {
		l.ask.link = nil
		l.ask = nil
	}
}

// connected is called when the connection is made, or cannot be.
func (l *link) connected(fd int, err error) {
	s := l.s
	l.dial = nil
	if err == nil {
		// What is over the limit is for the readers to tell; this is in case
		// that one does not.
		l.conn, err = s.e.Loop.Conn(fd, l, loop.Limits{Input: s.input + 1024})
		if err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		l.turnedAway(err)
		return
	}
	if s.ttl > 0 {
		l.until = s.e.Loop.Now().Add(s.ttl)
	}
	l.greet()
}

// greet says what is to be said next at the beginning, if anything is.
func (l *link) greet() {
	s := l.s
	if l.hello < len(s.hello) {
		if l.expire == nil {
			l.expire = s.e.Loop.After(s.timeout, l.refused)
		}
		l.conn.Write(s.hello[l.hello].request)
		return
	}
	l.expire.Stop()
	s.missed = 0
	l.rest()
	s.pump()
}

// refused is called when the greeting takes too long.
func (l *link) refused() { l.turnedAway(errNoTime) }

// turnedAway gives up a connection in its greeting.
func (l *link) turnedAway(err error) {
	l.s.remove(l)
	l.release()
	l.s.missedOne(err)
}

// carry sends a request.
func (l *link) carry(a *ask) {
	l.idle.Stop()
	l.ask, a.link, l.got = a, l, false
	if l.s.timed {
		l.conn.Write(wire.AppendDeadline(nil, (a.expire.Left() - l.s.grace).Milliseconds()))
	}
	l.conn.Write(a.request)
	l.expire.Stop()
	l.expire = l.s.e.Loop.After(l.s.timeout, func() { l.lost(errNoTime) })
}

// rest waits for the next request, for as long as that is worth while.
func (l *link) rest() {
	s := l.s
	wait := s.idle
	if wait == 0 {
		wait = idleExtra
	}
	l.idle.Stop()
	l.idle = s.e.Loop.After(wait, func() {
		if s.idle == 0 && len(s.links) == 1 {
			return
		}
		s.remove(l)
		l.release()
	})
}

// lost gives up a connection in the middle of a request.
func (l *link) lost(err error) {
	a := l.ask
	l.s.remove(l)
	l.release()
	if a != nil {
		a.failed(err)
	}
	l.s.pump()
}

// Data reads an answer.
func (l *link) Data(_ *loop.Conn, in []byte) int {
	s := l.s
	if l.hello < len(s.hello) {
		n, err := s.hello[l.hello].read(in)
		switch {
		case err != nil:
			l.turnedAway(err)
		case n > 0:
			l.hello++
			l.greet()
		}
		return n
	}
	if l.ask == nil {
		s.broken(errStray)
		l.lost(errStray)
		return 0
	}
	a := l.ask
	l.got = true
	v := a.read(in)
	switch {
	case v.err != nil:
		l.lost(v.err)
		return 0
	case v.n == 0:
		return 0
	}
	a.link, l.ask, l.used = nil, nil, true
	l.expire.Stop()
	if v.drop || v.n < len(in) || s.ttl > 0 && !s.e.Loop.Now().Before(l.until) {
		s.remove(l)
		l.release()
	} else {
		l.rest()
	}
	opened := false
	if v.down {
		opened = s.breaker.failed(s.e.Loop.Now(), a.probe)
	} else {
		s.worked()
	}
	a.finish(v.answer, nil)
	if opened {
		s.opened()
	}
	s.pump()
	return v.n
}

// Closed is called when the server has closed the connection, or it broke.
func (l *link) Closed(_ *loop.Conn, err error) {
	s := l.s
	l.conn = nil
	s.remove(l)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errEOF
	}
	a := l.ask
	l.release()
	switch {
	case s.closed || errors.Is(err, loop.ErrClosed):
	case l.hello < len(s.hello):
		s.missedOne(err)
	case a == nil:
		s.pump()
	case (l.used || s.tries == 1) && !l.got && !a.stale:
		// It had been idle, and the server was entitled to close it. So it is,
		// most likely, with the others. Who has one try only gets this one.
		a.stale = true
		s.dropIdle()
		s.queue = append([]*ask{a}, s.queue...)
		s.pump()
	default:
		a.failed(err)
		s.pump()
	}
}

// dropIdle closes the connections that carry nothing.
func (s *server) dropIdle() {
	kept := s.links[:0]
	for _, l := range s.links {
		if l.ready() && l.ask == nil {
			l.release()
		} else {
			kept = append(kept, l)
		}
	}
	clear(s.links[len(kept):])
	s.links = kept
}
