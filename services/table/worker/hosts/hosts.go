// SPDX-License-Identifier: ISC

package hosts

import "time"

// Host is one of the servers that a table's settings name.
type Host struct {
	Name string // as the settings have it, for messages
	Unix bool   // over a Unix-domain socket: asked before all others
	Addr string // path, or name or address of the host; what empty means is the driver's affair
	Port string // number, or name of a service; empty: the driver's default

	until time.Time // left alone until then
}

// List is the servers of one table.
type List struct {
	hosts []*Host
	retry time.Duration
	pick  func(n int) int
	tries int // of a host, for one request
}

// New makes a list of at least one host. retry is how long one that could not be
// reached is left alone; pick returns a random number below n.
func New(list []Host, retry time.Duration, pick func(n int) int) *List {
	l := &List{retry: retry, pick: pick, tries: 1}
	if len(list) == 1 {
		l.tries = 2
	}
	for _, h := range list {
		l.hosts = append(l.hosts, &h)
	}
	return l
}

// Until returns when a host may be tried again, if now none may.
func (l *List) Until() time.Time {
	first := l.hosts[0].until
	for _, h := range l.hosts {
		if h.until.Before(first) {
			first = h.until
		}
	}
	return first
}

// Round is the way of one request from host to host.
type Round struct {
	*List
	tried map[*Host]int
}

// Round begins a request.
func (l *List) Round() *Round { return &Round{l, map[*Host]int{}} }

// Next returns the host to connect to, or nil if there is none any more.
func (r *Round) Next(now time.Time) *Host {
	for _, local := range []bool{true, false} {
		var fit []*Host
		for _, h := range r.hosts {
			if h.Unix == local && r.may(h, now) {
				fit = append(fit, h)
			}
		}
		if len(fit) > 0 {
			h := fit[r.pick(len(fit))]
			r.tried[h]++
			return h
		}
	}
	return nil
}

// may reports whether a host can be tried.
func (r *Round) may(h *Host, now time.Time) bool {
	return r.tried[h] < r.tries && !now.Before(h.until)
}

// Failed is to be called when a host could not be reached. After its last
// attempt, it is left alone for a while.
func (r *Round) Failed(h *Host, now time.Time) {
	if r.tried[h] >= r.tries {
		h.until = now.Add(r.retry)
	}
}

// Skip is to be called when there is no point in asking a host again.
func (r *Round) Skip(h *Host) { r.tried[h] = r.tries }

// Share is how much of the time that is left for the request this host may
// take, if those that could be tried after it are to have as much.
func (r *Round) Share(h *Host, now time.Time, left time.Duration) time.Duration {
	n := time.Duration(1)
	for _, other := range r.hosts {
		if other != h && r.may(other, now) {
			n++
		}
	}
	return left / n
}
