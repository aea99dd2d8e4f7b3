// SPDX-License-Identifier: ISC

package ldap

import (
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/ldapurl"
	"postloop/services/table/worker"
)

// attributes are those whose values count, by what they do. One that is in
// several lists belongs to the first.
type attributes struct {
	terminal []string // where there are any, nothing else counts
	leaf     []string // count where nothing is special
	plain    []string // count always
	special  []string // lead to further entries
	all      []string
}

func newAttributes(s *worker.Settings) (a attributes) {
	a.terminal = strings.Fields(s.String("terminal_result_attribute"))
	a.leaf = strings.Fields(s.String("leaf_result_attribute"))
	a.plain = strings.Fields(s.String("result_attribute"))
	a.special = strings.Fields(s.String("special_result_attribute"))
	for _, list := range [][]string{a.terminal, a.leaf, a.plain, a.special} {
		a.all = append(a.all, list...)
	}
	if a.all == nil {
		a.all = []string{"1.1"} // none, where no list would mean all
	}
	return a
}

// contains reports whether a list has the attribute called name, which may have
// options behind it that the list does not mention.
func contains(list []string, name string) bool {
	short, _, options := strings.Cut(name, ";")
	for _, one := range list {
		if strings.EqualFold(one, name) || options && strings.EqualFold(one, short) {
			return true
		}
	}
	return false
}

// has reports whether an entry has a value for one of a list.
func has(entry *goldap.Entry, list []string) bool {
	for _, name := range list {
		if len(entry.GetEqualFoldAttributeValues(name)) > 0 {
			return true
		}
	}
	return false
}

// take adds the values of entries, and those of the entries to which they lead.
// depth is 1 for what was found first.
func (l *lookup) take(entries []*goldap.Entry, depth int) error {
	for _, entry := range entries {
		isTerminal := has(entry, l.terminal)
		isLeaf := !has(entry, l.special)
		for _, attr := range entry.Attributes {
			var err error
			switch {
			case contains(l.terminal, attr.Name):
				err = l.add(attr, depth)
			case isTerminal:
			case contains(l.leaf, attr.Name):
				if isLeaf {
					err = l.add(attr, depth)
				}
			case contains(l.plain, attr.Name):
				err = l.add(attr, depth)
			case contains(l.special, attr.Name):
				err = l.visit(attr, depth)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds values. There may not be more that count than the limit says.
func (l *lookup) add(attr *goldap.EntryAttribute, depth int) error {
	for _, value := range attr.Values {
		value = cString(value)
		l.values = append(l.values, value)
		if !l.results.Counts(l.key, value) {
			continue
		}
		if l.usable++; l.results.Limit > 0 && l.usable > l.results.Limit {
			return fmt.Errorf("dict_ldap_get_values[%d]: %s: Expansion limit exceeded for key: '%s'", depth, l.name, l.key)
		}
	}
	return nil
}

// visit goes where values lead, one after the other.
func (l *lookup) visit(attr *goldap.EntryAttribute, depth int) error {
	for _, value := range attr.Values {
		value = cString(value)
		if depth >= l.recursion {
			return fmt.Errorf("dict_ldap_get_values[%d]: %s: Recursion limit exceeded for special attribute %s=%s", depth, l.name, attr.Name, value)
		}
		base, scope, filter, attrs := value, ldapurl.Base, everything, l.all
		if ldapurl.Is(value) {
			u, err := ldapurl.Parse(value)
			if err != nil {
				return fmt.Errorf("dict_ldap_get_values[%d]: malformed URL %s: %w", depth, value, err)
			}
			if attrs = pertinent(l.all, u.Attrs); attrs == nil {
				continue
			}
			base, scope = u.DN, max(u.Scope, ldapurl.Base)
			if u.Filter != "" {
				filter = u.Filter
			}
		}
		entries, err := l.search(base, scope, filter, attrs)
		if f, ok := err.(*failure); ok && f.code == noSuchObject { //nolint:errorlint // others have their words already
			l.s.Warnf("dict_ldap_get_values[%d]: DN %s not found, skipping", depth, value)
			continue
		}
		if err != nil {
			return searchError(fmt.Sprintf("dict_ldap_get_values[%d]: search", depth), err)
		}
		if err := l.take(entries, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// everything is the filter that each entry suits.
const everything = "(objectClass=*)"

// pertinent are those attributes of a table that a URL asks for, too. One that
// has options on one side only has them in the result.
func pertinent(table, asked []string) (both []string) {
	if len(asked) == 0 {
		return table
	}
	for _, mine := range table {
		for _, theirs := range asked {
			mineShort, _, mineHas := strings.Cut(mine, ";")
			theirsShort, _, theirsHas := strings.Cut(theirs, ";")
			switch {
			case strings.EqualFold(mine, theirs), mineHas && !theirsHas && strings.EqualFold(mineShort, theirs):
				both = append(both, mine)
			case theirsHas && !mineHas && strings.EqualFold(mine, theirsShort):
				both = append(both, theirs)
			}
		}
	}
	return both
}

// cString is what a program in C sees of s.
func cString(s string) string {
	text, _, _ := strings.Cut(s, "\x00")
	return text
}
