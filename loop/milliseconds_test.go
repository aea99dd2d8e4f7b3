// SPDX-License-Identifier: ISC

//go:build linux || looppoll

package loop

import (
	"math"
	"testing"
	"time"
)

// TestMilliseconds: up, never down, and never round to its beginning.
func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-1: -1, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2,
		time.Hour: 3_600_000, 1<<63 - 1 - time.Millisecond: math.MaxInt32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%v: %d, wanted %d", d, got, want)
		}
	}
}
