// SPDX-License-Identifier: ISC

package notify

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Now is the line that a Reloading comes with, so that the manager knows which
// of its requests that is the answer to.
func Now() string {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // there always is one
	return fmt.Sprintf("MONOTONIC_USEC=%d", t.Nano()/1000)
}
