// SPDX-License-Identifier: ISC

// Package dbtest starts private databases for tests: each below a directory of
// its own, on a Unix-domain socket and a free port of 127.0.0.1, and gone when
// the test ends. The default instances of the machine are left alone.
//
// # Limits
//
// A program that is not installed fails the test: .ci/need-postfix installs
// them all.
package dbtest
