// SPDX-License-Identifier: ISC

package master

import (
	"time"

	"postloop/cfg"
)

// maxSources bounds how many sources are remembered for the sake of a rate:
// twice as many, at about a hundred bytes each. A flood from more of them makes
// those forgotten first that were here the longest time ago.
const maxSources = 1 << 14

// rates remembers how fast clients have come, by source. Each has a bucket of
// as many clients as the rate allows in its time, which fills up again evenly
// over that time: all of it may come at once, and afterwards one at a time.
//
// For each source there is one number, the time at which its bucket will be
// full. One that is full is as good as none: what was last changed a whole
// period ago can be forgotten, unseen. Two maps do that at no cost. What is
// written goes into the young one; when it is a period old it becomes the old
// one, and the old one is dropped.
//
// The zero rates is empty. Times are those of any clock that does not go back.
type rates struct {
	young, old map[source]time.Duration
}

// take lets a client from s come at the time now, or not.
func (r *rates) take(s source, rate cfg.Rate, now time.Duration) bool {
	full, known := r.young[s]
	if !known {
		full = r.old[s]
	}
	full = max(full, now) + rate.Per/time.Duration(rate.Count)
	if full-now > rate.Per {
		return false // a client that is refused uses nothing up
	}
	if !known && len(r.young) >= maxSources {
		r.age()
	}
	if r.young == nil {
		r.young = map[source]time.Duration{}
	}
	r.young[s] = full
	return true
}

// age is to be called once in a period; it reports whether anything is left
// to be forgotten by the next call.
func (r *rates) age() bool {
	r.young, r.old = nil, r.young
	return len(r.old) > 0
}
