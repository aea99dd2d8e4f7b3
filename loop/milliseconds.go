// SPDX-License-Identifier: ISC

//go:build linux || looppoll

package loop

import (
	"math"
	"time"
)

// milliseconds is d for a system call that counts in milliseconds and waits
// for ever when it is given -1. It rounds up: a wait that ends before the
// timer it was for is repeated at once, with nothing left to wait for.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := (d + time.Millisecond - 1) / time.Millisecond
	return int(min(ms, math.MaxInt32))
}
