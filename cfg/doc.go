// SPDX-License-Identifier: ISC

// Package cfg turns configuration files into values, for the master and for
// its services: main.cf and master.cf as Postfix reads them, or one TOML file
// that says the same.
//
// Load reads a directory and chooses the language; what comes out does not
// depend on it. Main is main.cf: raw text by name, evaluated when a value is
// asked for, since a text may refer to others ($name) and a service may
// override them. Main.Params is all that the master acts upon, evaluated and
// checked at once. Service is one entry of master.cf.
//
// # Order
//
// Defaults come from a table, which is that of Postfix 3.12. What only the
// program knows (its directory, the host's name) it sets with
// Main.SetDefault, before anything is evaluated: Load has a callback for it.
//
// # Failures
//
// Reading goes on after an error, to find as many as possible; the error is
// an Errors then, each with file, line and, where it is not plain, what would
// be right. Nothing panics, whatever the text. What the log should say about
// a text that is usable all the same are Notes. Only files that cannot be
// opened or read are another error.
//
// # Limits
//
// The package does nothing but read: no name of a user, host or port is looked
// up, and whether a directory exists is not asked. References that multiply
// without end are cut off with an error, where Postfix takes all the time and
// memory there is. In ${name?text}, a default counts as what it evaluates to,
// as it does to Postfix's daemons; postconf(1) goes by its unevaluated text.
//
// # See also
//
// postconf(5), master(5).
package cfg
