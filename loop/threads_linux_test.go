// SPDX-License-Identifier: ISC

package loop_test

import (
	"os"
	"testing"

	"postloop/loop"
)

// TestReserveThreads: they are there, and stay.
func TestReserveThreads(t *testing.T) {
	const n = 8
	loop.ReserveThreads()
	list, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < n {
		t.Errorf("%d threads, want at least %d", len(list), n)
	}
}
