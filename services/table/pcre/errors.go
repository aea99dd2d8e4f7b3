// SPDX-License-Identifier: ISC

package pcre

import "fmt"

// Error is why an expression is none. Its texts are PCRE2's.
type Error struct {
	Offset int // how far the expression was read
	Text   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("error in regex at offset %d: %s", e.Offset, e.Text)
}

// MatchError is a match that was given up.
type MatchError string

func (e MatchError) Error() string { return string(e) }

// What can go wrong with a match.
const (
	ErrSteps     MatchError = "match limit exceeded"
	ErrRecursion MatchError = "nested recursion at the same subject position"
)

const (
	errEndOfEscape    = `\ at end of pattern`
	errEndOfControl   = `\c at end of pattern`
	errEscape         = `unrecognized character follows \`
	errIntervalOrder  = "numbers out of order in {} quantifier"
	errIntervalNumber = "number too big in {} quantifier"
	errClassEnd       = "missing terminating ] for character class"
	errClassEscape    = "escape sequence is invalid in character class"
	errRangeOrder     = "range out of order in character class"
	errRepeat         = "quantifier does not follow a repeatable item"
	errGroup          = "unrecognized character after (? or (?-"
	errPosixOutside   = "POSIX named classes are supported only within a class"
	errCollating      = "POSIX collating elements are not supported"
	errParen          = "missing closing parenthesis"
	errReference      = "reference to non-existent subpattern"
	errComment        = "missing ) after (?# comment"
	errDeep           = "parentheses are too deeply nested"
	errLarge          = "regular expression is too large"
	errUnmatched      = "unmatched closing parenthesis"
	errConditionParen = "missing closing parenthesis for condition"
	errLookbehind     = "lookbehind assertion is not fixed length"
	errRelativeZero   = "a relative value of zero is not allowed"
	errBranches       = "conditional subpattern contains more than two branches"
	errAssertion      = "assertion expected after (?( or (?(?C)"
	errSignedDigit    = "digit expected after (?+ or (?-"
	errPosixName      = "unknown POSIX class name"
	errCodePoint      = `character code point value in \x{} or \o{} is too large`
	errPerlEscape     = `PCRE2 does not support \F, \L, \l, \N{name}, \U, or \u`
	errCalloutNumber  = "number after (?C is greater than 255"
	errCalloutParen   = "closing parenthesis for (?C expected"
	errNamedGroup     = "unrecognized character after (?P"
	errNameEnd        = "syntax error in subpattern name (missing terminator?)"
	errNameTwice      = "two named subpatterns have the same name (PCRE2_DUPNAMES not set)"
	errNameDigit      = "subpattern name must start with a non-digit"
	errProperty       = `malformed \P or \p sequence`
	errPropertyName   = `unknown property after \P or \p`
	errNameLong       = "subpattern name is too long (maximum 32 code units)"
	errRange          = "invalid range in character class"
	errOctal          = `octal value is greater than \377 in 8-bit non-UTF-8 mode`
	errDefineBranches = "DEFINE subpattern contains more than one branch"
	errOctalBrace     = `missing opening brace after \o`
	errG              = `\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number`
	errRecursionParen = "(?R (recursive pattern call) must be followed by a closing parenthesis"
	errVerb           = "(*VERB) not recognized or malformed"
	errGroupNumber    = "subpattern number is too big"
	errNameExpected   = "subpattern name expected"
	errNotOctal       = `non-octal character in \o{} (closing brace missing?)`
	errNames          = "different names for subpatterns of the same number are not allowed"
	errMarkArgument   = "(*MARK) must have an argument"
	errNotHex         = `non-hex character in \x{} (closing brace missing?)`
	errControl        = `\c must be followed by a printable ASCII character`
	errK              = `\k is not followed by a braced, angle-bracketed, or quoted name`
	errClassN         = `\N is not supported in a class`
	errDigits         = `digits missing in \x{} or \o{} or \N{U+}`
	errVersion        = "syntax error or number too big in (?(VERSION condition"
	errCalloutEnd     = "missing terminating delimiter for callout with string argument"
	errCalloutString  = "unrecognized string delimiter follows (?C"
	errUnicodeEscape  = `\N{U+dddd} is supported only in Unicode (UTF) mode`
	errHyphen         = "invalid hyphen in option setting"
	errAlpha          = "(*alpha_assertion) not recognized"
	errAtomic         = "atomic assertion expected after (?( or (?(?C)"
	errKeep           = `\K is not allowed in lookarounds (but see PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK)`
)
