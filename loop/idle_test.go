// SPDX-License-Identifier: ISC

package loop_test

import (
	"fmt"
	"testing"

	"postloop/loop/looptest"
)

// TestIdle: with nothing due nothing wakes up. A process waits 700 ms for a
// timer, in one turn, and gives up the processor a few times before it comes
// to rest; a wait that the Go runtime does not know of would cost 140 times.
// On a busy machine coming to rest takes longer, and the runtime may interrupt
// the wait with a signal of its own: one of several must be as it should.
func TestIdle(t *testing.T) {
	const enough = 30
	l := looptest.New(t)
	var all []string
	for range 10 {
		text := output(t, l, self(t, "idle"))
		var turns, switches int
		if _, err := fmt.Sscan(text, &turns, &switches); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if turns == 1 && switches <= enough {
			return
		}
		all = append(all, text)
	}
	t.Errorf("turns and context switches: %q", all)
}
