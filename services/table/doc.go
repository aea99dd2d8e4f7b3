// SPDX-License-Identifier: ISC

// Package table is Postfix's lookup tables: a key goes in, a value comes out.
//
// A table is named type:name, as in main.cf. Open finds the type and has it
// open the table. What it answers can be there at once, as from memory or a
// local file, or in a later turn of the loop, as from a server; Get says which.
//
// # Ownership
//
// A table belongs to the loop's goroutine and to whoever has opened it, who
// closes it. Nothing here waits: a table that would have to is one whose
// answers come later.
//
// # Failures
//
// Open returns why a table cannot be used, in Postfix's words. What goes wrong
// with a single request is logged by the table, and is a Status: Retry where
// another time may be better, Config where it will not be until somebody has
// changed the configuration. No request ends the process.
//
// # See also
//
// DATABASE_README, and the manual page of each type, such as cidr_table(5).
package table
