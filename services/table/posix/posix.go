// SPDX-License-Identifier: ISC

package posix

import (
	"errors"
	"strings"
)

// Flags choose the language of an expression.
type Flags uint8

const (
	Extended   Flags = 1 << iota // extended expressions; otherwise basic ones
	IgnoreCase                   // of the letters of ASCII
	Newline                      // ^ and $ match at line breaks too; . and [^a] do not match them
)

// Error is why an expression is none. Its texts are the C library's.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }

// The errors of Compile.
const (
	ErrPattern   Error = "Invalid regular expression"
	ErrCollate   Error = "Invalid collation character"
	ErrClass     Error = "Invalid character class name"
	ErrEscape    Error = "Trailing backslash"
	ErrReference Error = "Invalid back reference"
	ErrBracket   Error = "Unmatched [, [^, [:, [., or [="
	ErrParen     Error = `Unmatched ( or \(`
	ErrBrace     Error = `Unmatched \{`
	ErrInterval  Error = `Invalid content of \{\}`
	ErrRange     Error = "Invalid range end"
	ErrRepeat    Error = "Invalid preceding regular expression"
	ErrSize      Error = "Regular expression too big"
)

// ErrSteps is a match that was given up.
var ErrSteps = errors.New("too many steps")

// Regexp is a compiled expression.
type Regexp struct {
	prog
	auto automaton
}

// Compile reads an expression, which ends before a null byte, if there is one.
func Compile(expr string, f Flags) (*Regexp, error) {
	p, err := compile(cString(expr), f)
	if err != nil {
		return nil, err
	}
	return &Regexp{prog: *p}, nil
}

// Groups returns how many groups the expression has.
func (r *Regexp) Groups() int { return r.groups }

// Match reports whether s, or what is before a null byte in it, matches.
func (r *Regexp) Match(s string) (bool, error) {
	s = cString(s)
	ok, err := r.auto.run(&r.prog, s)
	if ok && r.references {
		m, err := r.track(s)
		return m != nil, err
	}
	return ok, err
}

// Find returns where the match and its groups begin and end, two numbers for
// each, -1 for a group that takes no part. It returns nil if s does not match.
func (r *Regexp) Find(s string) ([]int, error) {
	s = cString(s)
	if ok, err := r.auto.run(&r.prog, s); !ok {
		return nil, err
	}
	find := r.span
	if r.references {
		find = r.track
	}
	m, err := find(s)
	if m == nil || err != nil {
		return nil, err
	}
	// A group that is the whole of another is the same group.
	for i, same := range r.sameAs {
		m[2*i+2], m[2*i+3] = m[2*same+2], m[2*same+3]
	}
	return m, nil
}

func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
