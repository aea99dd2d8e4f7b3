// SPDX-License-Identifier: ISC

// Package postfix lays out private Postfix instances: a configuration, a
// queue and a data directory below one directory, with the owners and modes
// that a master insists on. It starts nothing; the tests (pftest) and the
// benchmarks do.
//
// # Limits
//
// Root, and a system that has the users of Postfix, or other ones in their
// place.
package postfix
