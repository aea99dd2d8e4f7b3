// SPDX-License-Identifier: ISC

package table

import (
	"time"

	"postloop/loop"
)

// How long it takes until it is tried again what a lock did not let happen.
const (
	againFirst = time.Millisecond
	againMost  = 64 * time.Millisecond
)

// again holds requests that have met a locked file, and tries them again, in
// their order, until they are through or their patience is.
type again struct {
	loop     *loop.Loop
	patience time.Duration
	timer    *loop.Timer
	pause    time.Duration
	list     []attempt
}

type attempt struct {
	until time.Time
	// try reports whether the request has been answered. It must be if it is
	// late.
	try func(late bool) bool
}

func (a *again) add(try func(late bool) bool) {
	a.list = append(a.list, attempt{a.loop.Now().Add(a.patience), try})
	if len(a.list) == 1 {
		a.wait(againFirst)
	}
}

// get has later called with what ask returns when that is no longer Later, or
// with what lockedOut makes of it when that is too late.
func (a *again) get(ask func() Answer, lockedOut func() Status, later func(Answer)) {
	a.add(func(late bool) bool {
		answer := ask()
		if answer.Status == Later {
			if !late {
				return false
			}
			answer.Status = lockedOut()
		}
		later(answer)
		return true
	})
}

// next is get for Next.
func (a *again) next(ask func() (Pair, Status), lockedOut func() Status, later func(Pair, Status)) {
	a.add(func(late bool) bool {
		p, s := ask()
		if s == Later {
			if !late {
				return false
			}
			s = lockedOut()
		}
		later(p, s)
		return true
	})
}

func (a *again) wait(pause time.Duration) {
	a.pause = pause
	if a.timer == nil {
		a.timer = a.loop.After(pause, a.fired)
	} else {
		a.timer.Reset(pause)
	}
}

// fired answers as many as it can. An answer may bring in further requests,
// which are for another turn, and may close the table.
func (a *again) fired() {
	now := a.loop.Now()
	for n := len(a.list); n > 0 && len(a.list) > 0; n-- {
		all := a.list
		first := all[0]
		a.list = all[1:]
		if !first.try(!now.Before(first.until)) {
			a.list = all // nobody has been called
			a.wait(min(2*a.pause, againMost))
			return
		}
		all[0] = attempt{}
	}
	if len(a.list) > 0 {
		a.wait(againFirst)
	}
}

func (a *again) stop() {
	a.timer.Stop()
	a.list = nil
}
