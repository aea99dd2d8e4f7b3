// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package master

import "net/netip"

// Interfaces is for systems whose routing socket nobody has taught us to read.
func Interfaces() ([]netip.Addr, error) { return nil, errNoInterfaces }
