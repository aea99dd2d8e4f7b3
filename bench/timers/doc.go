// SPDX-License-Identifier: ISC

// Package timers measures what timers cost in a process of its own: those of our
// loop and those of Go's runtime. The C programs in testdata measure others in
// the same way and say the same about it.
package timers
