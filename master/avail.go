// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"time"
)

// busyWarnInterval is how often a service that has reached its process limit
// is mentioned in the log.
const busyWarnInterval = 1000 * time.Second

// wantListen reports whether the master itself should watch s's endpoint, so
// that the next client starts a process. It is the whole creation policy.
func (s *service) wantListen() bool {
	switch {
	case s.stopping, s.throttled, s.paused:
		return false
	case s.idle > 0: // an idle process watches it
		return false
	case s.isHosted() && s.host.gate.holds(): // nothing can be made for anybody
		return false
	case s.isHosted() && s.host.gate.queues(): // who is too many waits here, or is refused
		return true
	case s.isHosted() && s.host.gate.waits(): // one after the other
		return false
	default:
		return s.hasRoom()
	}
}

// hasRoom reports whether one more process, or client of a hosted service, is
// within the limit on them.
func (s *service) hasRoom() bool {
	if s.hasConnections() {
		return s.m.hasSeat()
	}
	return s.spec.Limit == 0 || s.total < s.spec.Limit
}

// enforce makes the watching of the endpoint agree with wantListen. It is
// called after every change of what wantListen looks at. Clients of a hosted
// service that wait come before those who may follow.
func (s *service) enforce() {
	if s.host != nil {
		s.host.gate.next()
	}
	if s.m.opt.Changed != nil {
		s.m.opt.Changed()
	}
	want := s.wantListen()
	if want != s.listening {
		s.listening = want
		if s.m.log.Verbose > 0 {
			s.m.log.Debugf("master_avail_listen: %s events %s", map[bool]string{true: "enable", false: "disable"}[want], s.spec.Name)
		}
		for _, ln := range s.listeners {
			ln.enable(want)
		}
	}
	if !s.hasRoom() && !s.stopping && !s.throttled && !s.paused && s.idle == 0 {
		s.warnLimit()
	}
}

// warnLimit says that the service has reached its limit, at most once
// in busyWarnInterval, and like Postfix only where stress mode exists or where
// nobody but master could say it.
func (s *service) warnLimit() {
	if !s.stressMode && (!s.isHosted() || s.spec.Limit == 1 && !s.hasConnections()) {
		return
	}
	now := s.m.age()
	if s.busyWarned > 0 && now-s.busyWarned <= busyWarnInterval {
		return
	}
	s.busyWarned = now
	if s.hasConnections() {
		s.log().Warnf("%s has %d clients, and %s: new clients may experience noticeable delays", s, s.total, s.limitReached())
		return
	}
	s.log().Warnf("%s has reached its process limit \"%d\": new clients may experience noticeable delays", s, s.spec.Limit)
	s.log().Warnf("to avoid this condition, increase the process count in master.cf or reduce the service time per client")
	s.log().Warnf("see https://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings")
}

// limitReached says which limit it is that leaves no room.
func (s *service) limitReached() string {
	if s.hasConnections() {
		return "the descriptors for clients are used up"
	}
	return fmt.Sprintf("the process limit of %d is reached", s.spec.Limit)
}

// more counts a process as idle.
func (s *service) more(c *child) {
	if c.idle {
		panic("master: process already available")
	}
	c.idle = true
	s.idle++
	s.enforce()
}

// less counts a process as busy or gone.
func (s *service) less(c *child) {
	if !c.idle {
		panic("master: process not available")
	}
	c.idle = false
	s.idle--
	s.enforce()
}
