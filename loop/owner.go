// SPDX-License-Identifier: ISC

//go:build !loopdebug

package loop

// owner asserts, with the tag loopdebug, that only the goroutine that takes
// the turns calls into the loop. Without the tag it is nothing.
type owner struct{}

func (*owner) enter() {}
func (*owner) leave() {}
func (*owner) check() {}

// identity asserts, with the tag loopdebug, that a watched descriptor is
// still the one that was registered.
type identity struct{}

func (*identity) take(int)   {}
func (*identity) verify(int) {}
