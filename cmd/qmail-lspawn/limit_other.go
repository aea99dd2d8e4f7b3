// SPDX-License-Identifier: ISC

//go:build !linux || !(amd64 || arm64)

package main

import "postloop/loop"

// restoredLimits: nothing has been raised.
func restoredLimits() []loop.Rlimit { return nil }
