// SPDX-License-Identifier: ISC

// Package pcre is Perl-compatible regular expressions, as the library PCRE2
// (10.42) reads and matches them without UTF: on bytes.
//
// An expression becomes a tree (parse.go, group.go, class.go, escape.go), the
// tree a program (compile.go), and the program is run with a stack of what else
// could be tried (match.go). An expression without back-references, assertions
// about what is around, recursion and the like remembers what it has tried once
// it has tried a lot, and then takes time in proportion to the string, where the
// library would give up.
//
// # Ownership
//
// A Regexp belongs to one goroutine.
//
// # Failures
//
// Compile refuses what the library refuses, in its words, and tells where. A
// match that takes too many steps fails in the library's words, too.
//
// # Limits
//
// Refused, each by name: (*UTF) and (*UCP), (*NOTEMPTY), newlines other than LF,
// \X, script runs, and of the properties of Unicode those that are neither a
// general category nor the scripts Latin and Common. Callouts do nothing.
//
// Not tried beforehand, unlike in the library: whether the string is long
// enough, and whether it has the bytes that a match must have. What differs then
// is only how far verbs such as (*COMMIT) get.
package pcre
