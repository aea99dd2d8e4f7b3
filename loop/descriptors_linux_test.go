// SPDX-License-Identifier: ISC

package loop_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// TestReserveDescriptors: the room is there, no descriptor is taken, and more than
// the limit allows does no harm.
func TestReserveDescriptors(t *testing.T) {
	l := looptest.New(t)
	room := func() (n int) {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "\nFDSize:")
		if _, err := fmt.Sscan(after, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := 2 * room()
	l.ReserveDescriptors(want)
	if got := room(); got < want {
		t.Errorf("room for %d, want %d", got, want)
	}
	for _, n := range []int{-1, 0, 1, 1 << 40} {
		l.ReserveDescriptors(n)
	}
}
