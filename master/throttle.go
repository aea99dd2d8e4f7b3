// SPDX-License-Identifier: ISC

package master

import "time"

// throttle stops starting processes of s for a while: the first time for
// service_throttle_time, then twice as long each time until a process has
// served a client or left in peace, but never longer than
// service_throttle_time_limit ("off": always the first step, as in Postfix).
func (s *service) throttle() {
	if s.throttled {
		return
	}
	s.throttled = true
	s.past().Reason = s.past().Fault
	s.record.Throttles++
	delay := throttleDelay(s.m.params.ThrottleTime, s.m.params.ThrottleTimeLimit, s.throttles)
	s.throttles++
	s.log().Infof("%s: throttled, next start in %s", s, delay)
	s.throttleTimer = s.m.loop.After(delay, s.unthrottle)
	s.enforce()
}

// unthrottle lets processes start again.
func (s *service) unthrottle() {
	s.throttled, s.throttleTimer = false, nil
	s.log().Infof("%s: throttle released", s)
	s.enforce()
}

// relent shortens a throttle that has grown long to its first step, and begins
// the doubling anew: the operator has had a hand in the configuration.
func (s *service) relent() {
	s.throttles = 0
	if first := s.m.params.ThrottleTime; s.throttled && s.throttleTimer.Left() > first {
		s.throttleTimer.Reset(first)
	}
}

// endThrottle forgets a throttle without a word: the service is going away.
func (s *service) endThrottle() {
	s.throttleTimer.Stop()
	s.throttled, s.throttleTimer = false, nil
}

// recovered ends the doubling: a process of s has worked.
func (s *service) recovered() { s.throttles = 0 }

// throttleDelay returns the length of a throttle that follows n others in a
// row. A limit of zero means no back-off.
func throttleDelay(first, limit time.Duration, n int) time.Duration {
	if limit <= first {
		return first
	}
	d := first
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
