// SPDX-License-Identifier: ISC

//go:build !linux

package clib

import (
	"errors"
	"syscall"
)

var errSystem = errors.New("libraries are loaded on Linux only")

func load(string) (uintptr, error) { return 0, errSystem }

func find(uintptr, string) (uintptr, error) { return 0, errSystem }

// Call is never reached: there is no library to call.
func (f Func) Call(...uintptr) uintptr { return uintptr(syscall.ENOSYS) }

// Callback likewise.
func Callback(func(handle uintptr, prefix, text *byte)) Func { return 0 }
