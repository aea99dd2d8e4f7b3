// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package main

import "golang.org/x/sys/unix"

// dup2 makes to a copy of from that children inherit.
func dup2(from, to int) error { return unix.Dup2(from, to) }
