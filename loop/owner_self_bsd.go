// SPDX-License-Identifier: ISC

//go:build loopdebug && !linux

package loop

import (
	"runtime"
	"strconv"
	"strings"
)

// self is the goroutine's number, out of the heading of its stack trace.
func self() int64 {
	var buf [64]byte
	fields := strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))
	n, _ := strconv.ParseInt(fields[1], 10, 64)
	return n
}
