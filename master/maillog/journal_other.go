// SPDX-License-Identifier: ISC

//go:build !linux

package maillog

import "syscall"

const hasJournal = false

func sendFile(int, []byte) error { return syscall.EMSGSIZE }
