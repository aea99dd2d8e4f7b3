// SPDX-License-Identifier: ISC

//go:build loopdebug

package loop

import "golang.org/x/sys/unix"

// self tells goroutines apart that are bound to a thread.
func self() int64 { return int64(unix.Gettid()) }
