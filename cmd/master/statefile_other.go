// SPDX-License-Identifier: ISC

//go:build !linux

package main

import (
	"postloop/master/handover"

	"golang.org/x/sys/unix"
)

// canUpgrade says whether another program can take this one's place here.
const canUpgrade = false

func stateFile(*handover.State) (int, error) { return -1, unix.ENOSYS }
