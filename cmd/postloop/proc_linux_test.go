// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// childrenOf counts the children of a process, as the system does.
func childrenOf(t *testing.T, pid int) int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // of each thread, its own
	must(t, err)
	n := 0
	for _, list := range lists {
		text, err := os.ReadFile(list)
		must(t, err)
		n += len(strings.Fields(string(text)))
	}
	return n
}
