// SPDX-License-Identifier: ISC

package table

import "postloop/services/table/posix"

// The options of regexp tables, in the order of their letters.
const (
	regexpIgnoreCase = 1 << iota
	regexpNewline
	regexpExtended
)

var regexpDialect = dialect{
	typ:      "regexp",
	options:  "imx",
	defaults: regexpIgnoreCase | regexpExtended,
	pairs:    true,
	lenient:  true,
	unclosed: "skipping",
	index:    "out-of-range",
	compile:  compileRegexp,
}

// openRegexp opens a table of POSIX regular expressions.
func openRegexp(e *Env, name string, m Mode, f Flags) (Table, error) {
	return regexpDialect.open(e, name, m, f)
}

func compileRegexp(expr string, options uint) (matcher, error) {
	var f posix.Flags
	if options&regexpIgnoreCase != 0 {
		f |= posix.IgnoreCase
	}
	if options&regexpNewline != 0 {
		f |= posix.Newline
	}
	if options&regexpExtended != 0 {
		f |= posix.Extended
	}
	r, err := posix.Compile(expr, f)
	if err != nil {
		return nil, err // not r, which would be a matcher
	}
	return r, nil
}
