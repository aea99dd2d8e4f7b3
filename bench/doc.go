// SPDX-License-Identifier: ISC

// Command bench measures postloop beside the servers that do the same, in one
// run on one machine, in turn; README.md says how.
//
// Usage:
//
//	bench [flags]
//
// Exit status: 0 when everything was measured and every connection was
// answered, 1 otherwise, 130 after an interrupt.
package main
