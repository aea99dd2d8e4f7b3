// SPDX-License-Identifier: ISC

//go:build !linux

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// childrenOf counts the children of a process, as the system does.
func childrenOf(t *testing.T, pid int) int {
	t.Helper()
	out, err := exec.Command("pgrep", "-P", fmt.Sprint(pid)).Output()
	must(t, err)
	return len(strings.Fields(string(out)))
}
