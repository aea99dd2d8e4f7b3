// SPDX-License-Identifier: ISC

package timers

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"postloop/loop"
)

// Cost is what one timer costs when so many others are set, in nanoseconds.
type Cost struct {
	Set    float64 // to set it and to cancel it
	Allocs float64 // made by that, or -1 where it is not known
	Reset  float64 // to move one of the others to any other time
	Fire   float64 // for one of all of them, when all are due
}

// String is one line, which Parse reads.
func (c Cost) String() string {
	return fmt.Sprintf("set %.2f allocs %.3f reset %.2f fire %.2f\n", c.Set, c.Allocs, c.Reset, c.Fire)
}

// Parse reads what a program has said.
func Parse(text string) (c Cost, err error) {
	_, err = fmt.Sscanf(strings.TrimSpace(text), "set %g allocs %g reset %g fire %g", &c.Set, &c.Allocs, &c.Reset, &c.Fire)
	if err != nil {
		return c, fmt.Errorf("%q: %w", text, err)
	}
	return c, nil
}

// Kinds are those that Measure knows, and what they are.
var Kinds = map[string]string{"postloop": "loop.Timer", "Go runtime": "time.Timer"}

// Measure measures those of a kind, with n set, for so long each.
func Measure(kind string, n int, d time.Duration) (Cost, error) {
	switch kind {
	case "postloop":
		return ours(n, d)
	case "Go runtime":
		return runtimes(n, d), nil
	}
	return Cost{}, fmt.Errorf("no timers are called %s", kind)
}

// batch is how many operations there are between two looks at the clock.
const batch = 256

// repeat returns what one f costs, and how many allocations it makes.
func repeat(d time.Duration, f func()) (ns, allocs float64) {
	// What filling has left behind is not collected at the cost of what follows.
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, count := time.Now(), 0
	for time.Since(began) < d {
		for range batch {
			f()
		}
		count += batch
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return float64(took) / float64(count), float64(after.Mallocs-before.Mallocs) / float64(count)
}

// farAway is a time that does not come, spread over an hour.
func farAway(r *rand.Rand) time.Duration {
	return time.Hour + time.Duration(r.Int64N(int64(time.Hour)))
}

// soon is what timers that fire are spread over.
const soon = time.Millisecond

// ours measures the loop's, in a turn, as its callbacks have it.
func ours(n int, d time.Duration) (c Cost, err error) {
	l, err := loop.New()
	if err != nil {
		return c, err
	}
	r := rand.New(rand.NewPCG(1, 2))
	list, fired := make([]*loop.Timer, n), 0
	l.Later(func() {
		for i := range list {
			list[i] = l.After(farAway(r), func() { fired++ })
		}
		one := l.After(farAway(r), func() {})
		one.Stop()
		c.Set, c.Allocs = repeat(d, func() {
			one.Reset(90 * time.Minute)
			one.Stop()
		})
		c.Reset, _ = repeat(d, func() { list[r.IntN(n)].Reset(farAway(r)) })
		for _, t := range list {
			t.Reset(time.Duration(r.Int64N(int64(soon))))
		}
	})
	if err := l.Turn(0); err != nil {
		return c, err
	}
	time.Sleep(2 * soon)
	began := time.Now()
	for fired < n {
		if err := l.Turn(0); err != nil {
			return c, err
		}
	}
	c.Fire = float64(time.Since(began)) / float64(n)
	return c, l.Close()
}

// runtimes measures those of Go's runtime. What they fire is a goroutine each.
func runtimes(n int, d time.Duration) (c Cost) {
	r := rand.New(rand.NewPCG(1, 2))
	var fired atomic.Int64
	list := make([]*time.Timer, n)
	for i := range list {
		list[i] = time.AfterFunc(farAway(r), func() { fired.Add(1) })
	}
	one := time.AfterFunc(farAway(r), func() {})
	one.Stop()
	c.Set, c.Allocs = repeat(d, func() {
		one.Reset(90 * time.Minute)
		one.Stop()
	})
	c.Reset, _ = repeat(d, func() { list[r.IntN(n)].Reset(farAway(r)) })
	// All are set before the first is due, however long that takes.
	due := time.Now().Add(100*time.Millisecond + time.Duration(n)*5*time.Microsecond)
	for _, t := range list {
		t.Reset(time.Until(due) + time.Duration(r.Int64N(int64(soon))))
	}
	time.Sleep(time.Until(due))
	began := time.Now()
	for fired.Load() < int64(n) {
		time.Sleep(20 * time.Microsecond)
	}
	c.Fire = float64(time.Since(began)) / float64(n)
	return c
}
