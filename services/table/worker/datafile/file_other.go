// SPDX-License-Identifier: ISC

//go:build !linux

package datafile

import "golang.org/x/sys/unix"

// Nothing of this is reached: package clib loads no library here.

const setLock = unix.F_SETLK

func state(st *unix.Stat_t) State {
	return State{uint64(st.Dev), uint64(st.Ino), st.Size, unix.Timespec{}, unix.Timespec{}}
}

// Reserve does nothing.
func (f *File) Reserve(int64) error { return nil }

// Stamp does nothing.
func (f *File) Stamp() bool { return false }
