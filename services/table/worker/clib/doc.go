// SPDX-License-Identifier: ISC

// Package clib calls functions of the system's C libraries, which it loads at run
// time, so that programs need no C compiler to be built and start without the
// library, to say that it is missing.
//
// # Memory
//
// What is handed to a function must stay where it is: a Memory keeps it there
// until it is let go. No function that is called here keeps a pointer of ours
// after it has returned. What it hands out is C's, and copied before the next
// call.
//
// # Limits
//
// Linux only. Elsewhere Open returns an error.
package clib
