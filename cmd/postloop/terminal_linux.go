// SPDX-License-Identifier: ISC

package main

import "golang.org/x/sys/unix"

// How a terminal is asked for its settings, and given others.
const (
	termiosOf  = unix.TCGETS
	setTermios = unix.TCSETS
)
