// SPDX-License-Identifier: ISC

// Package dbtest starts private servers of databases for tests, each below a
// temporary directory. The default ones of the machine are left alone.
//
// # Limits
//
// Root, for the servers that have a user of their own, and Linux.
package dbtest
