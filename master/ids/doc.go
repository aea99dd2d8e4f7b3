// SPDX-License-Identifier: ISC

// Package ids is about being somebody else: a process of root's that acts as
// the mail owner for a moment, or as root for a moment.
//
// # Failures
//
// Going back cannot fail; if it does, that is a panic.
//
// # See also
//
// Postfix's src/util/set_eugid.c.
package ids
