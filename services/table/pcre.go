// SPDX-License-Identifier: ISC

package table

import "postloop/services/table/pcre"

// pcreOptions are those of pcre tables, in the order of their letters.
var pcreOptions = [...]pcre.Options{
	pcre.Caseless, pcre.Multiline, pcre.DotAll, pcre.Extended, pcre.Anchored, pcre.DollarEndOnly, pcre.Ungreedy,
}

var pcreDialect = dialect{
	typ:      "pcre",
	options:  "imsxAEU",
	defaults: 1<<0 | 1<<2, // i, s
	obsolete: "X",
	unclosed: "ignoring",
	index:    "out of range",
	compile:  compilePCRE,
}

// openPCRE opens a table of Perl-compatible regular expressions.
func openPCRE(e *Env, name string, m Mode, f Flags) (Table, error) {
	return pcreDialect.open(e, name, m, f)
}

func compilePCRE(expr string, options uint) (matcher, error) {
	var o pcre.Options
	for i, option := range pcreOptions {
		if options&(1<<i) != 0 {
			o |= option
		}
	}
	re, err := pcre.Compile(expr, o)
	if err != nil {
		return nil, err // not re, which would be a matcher
	}
	return re, nil
}
