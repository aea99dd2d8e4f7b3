// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"fmt"
	"iter"
	"time"

	"postloop/bench/report"
)

// clock knows how much of the run is over, in shares of its workloads; see
// workload.
type clock struct {
	began             time.Time
	total, done, here float64 // of all workloads, of those before this one, of this one
	part              float64 // of this one
}

// begin says that the next workload begins, whose share is so much.
func (c *clock) begin(share float64) {
	c.done += c.here
	c.here, c.part = share, 0
}

// left is how long it still takes, as far as can be told from what has been
// done; 0 if nothing has.
func (c *clock) left() time.Duration {
	over := c.done + c.here*c.part
	if over <= 0 {
		return 0
	}
	return time.Duration(float64(time.Since(c.began)) * (c.total - over) / over)
}

// String is how long it has taken and may still take.
func (c *clock) String() string {
	gone := time.Since(c.began)
	if left := c.left(); left > 0 {
		return fmt.Sprintf("[%s, about %s left]", clockTime(gone), clockTime(left))
	}
	return fmt.Sprintf("[%s]", clockTime(gone))
}

func clockTime(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// rounds are the rounds of a workload, from 0: as many as were asked for, and
// then further ones until its rounds agree, as many as may be and as long as the
// whole run stays within its limit.
func (b *bench) rounds(agree func() bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		began := time.Now()
		for round := 0; ; round++ {
			if round >= b.o.rounds {
				each := time.Since(began) / time.Duration(round)
				if round >= b.o.rounds+b.o.further || agree() || time.Since(b.clock.began)+b.clock.left()+each > b.o.limit {
					return
				}
				b.further++
			}
			if !yield(round) {
				return
			}
			b.clock.part = min(float64(round+1)/float64(b.o.rounds), 1)
		}
	}
}

// roundf tells what a round has brought.
func (b *bench) roundf(workload string, round int, format string, args ...any) {
	of := fmt.Sprintf("round %d of %d", round+1, b.o.rounds)
	if round >= b.o.rounds {
		of = fmt.Sprintf("further round %d of at most %d", round+1-b.o.rounds, b.o.further)
	}
	b.sayf("%s %s, %s: %s", b.clock.String(), workload, of, fmt.Sprintf(format, args...))
}

// narrow reports whether the rounds agree about all figures.
func narrow(figures ...report.Figure) bool {
	for _, f := range figures {
		if f.Wide() {
			return false
		}
	}
	return true
}
