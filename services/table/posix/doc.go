// SPDX-License-Identifier: ISC

// Package posix is POSIX regular expressions, basic and extended, as the GNU
// C library reads them in the C locale: on bytes, with its extensions (\w \W
// \s \S \b \B \< \> \` \', back-references in extended expressions too), its
// choice among matches, and the words of its errors.
//
// The match is the leftmost, and the longest there. As in that library, and
// other than POSIX says, the groups of a match are not chosen one by one for
// their length: among the ways to the same match the first one counts, the
// left side of an alternative before the right, one more repetition before
// none.
//
// # How
//
// An expression becomes a graph (prog.go). Whether a string matches is for an
// automaton to say that is made of the graph as it is needed, a state for each
// set of nodes, in bounded memory (dfa.go). Where in the string the match and
// its groups are is found on the graph itself (span.go). Both take time in
// proportion to the string. With back-references, which no automaton can
// follow to the end, ways are tried one after the other (backref.go).
//
// # Differences
//
// Where the library is at fault we are not. It takes ^ and $ to match at a line
// break that the match itself goes over, without Newline; it loses matches, or
// finds false ones, where \b, \B, \<, \>, \` or ^ stand in what is repeated; it
// forgets groups, as a rule empty ones, beside these or with back-references; and
// it can hang. The interop test counts them.
//
// # Ownership
//
// A Regexp belongs to one goroutine: matching changes what it remembers.
//
// # Failures
//
// Compile refuses what the library refuses, in its words. Besides, it refuses
// what would become too large, which the library would try. A match that takes
// too many steps fails with ErrSteps.
package posix
