// SPDX-License-Identifier: ISC

//go:build !linux

package notify

// Now is the line that a Reloading comes with. Nobody asks for the time here.
func Now() string { return "MONOTONIC_USEC=0" }
