// SPDX-License-Identifier: ISC

//go:build !interop && !linux

package main

import "syscall"

func newPidNamespace() *syscall.SysProcAttr { return nil }

func hasPidNamespaces() bool { return false }
