// SPDX-License-Identifier: ISC

//go:build !linux

package spawn

// Nothing of this can be taken from a command here.
var (
	resources    map[string]int
	capabilities map[string]int
)
