// SPDX-License-Identifier: ISC

package mastertest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Ignored returns the signals that this process ignores, as the system shows
// them in /proc. All that it starts ignore them as well: make, for one, starts
// its commands in a way of the C library's that leaves two of its own ignored.
func Ignored(t testing.TB) (mask uint64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "SigIgn:\t")
	text, _, _ := strings.Cut(rest, "\n")
	if mask, err = strconv.ParseUint(text, 16, 64); err != nil {
		t.Fatal(err)
	}
	return mask
}
