// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package main

import "golang.org/x/sys/unix"

// How a terminal is asked for its settings, and given others.
const (
	termiosOf  = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
