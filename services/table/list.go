// SPDX-License-Identifier: ISC

package table

import (
	"fmt"

	"postloop/cfg"
)

// cutList returns the members of the list {a, {b c}} that is a table's name,
// with their braces. what says in messages what a member is.
func cutList(typ, name, what string) (words []string, err error) {
	inner, err := cfg.Unbrace(name)
	if err != nil {
		return nil, badList(typ, name, what)
	}
	for {
		word, rest := cfg.CutBraced(inner, commaBlank)
		if word == "" {
			break
		}
		words, inner = append(words, word), rest
	}
	if words == nil {
		return nil, badList(typ, name, what)
	}
	return words, nil
}

func badList(typ, name, what string) error {
	return fmt.Errorf("bad syntax: \"%s:%s\"; need \"%s:{%s...}\"", typ, name, typ, what)
}
