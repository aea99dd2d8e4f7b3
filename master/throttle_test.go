// SPDX-License-Identifier: ISC

package master

import (
	"testing"
	"time"
)

func TestThrottleDelay(t *testing.T) {
	const s, m = time.Second, time.Minute
	for _, c := range []struct {
		first, limit time.Duration
		n            int
		want         time.Duration
	}{
		{60 * s, 15 * m, 0, 60 * s},
		{60 * s, 15 * m, 1, 2 * m},
		{60 * s, 15 * m, 3, 8 * m},
		{60 * s, 15 * m, 4, 15 * m},
		{60 * s, 15 * m, 1 << 30, 15 * m}, // neither overflow nor a long loop
		{60 * s, 0, 7, 60 * s},            // off: as in Postfix
		{60 * s, 30 * s, 7, 60 * s},       // a cap below the first step
		{time.Second, 365 * 24 * time.Hour, 200, 365 * 24 * time.Hour},
	} {
		if got := throttleDelay(c.first, c.limit, c.n); got != c.want {
			t.Errorf("throttleDelay(%s, %s, %d) = %s, want %s", c.first, c.limit, c.n, got, c.want)
		}
	}
}
