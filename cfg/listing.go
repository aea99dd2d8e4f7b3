// SPDX-License-Identifier: ISC

package cfg

import (
	"maps"
	"slices"
)

// Known lists the parameters whose defaults are known here, by their names.
func Known() []string { return slices.Sorted(maps.Keys(parameters)) }

// Default returns what a parameter that is not set is, with its references as they
// stand, and whether anybody knows it.
func (m *Main) Default(name string) (raw string, known bool, err error) {
	_, known = parameters[name]
	if _, own := m.defaults[name]; own {
		known = true
	}
	x := expansion{m: m, work: maxWork}
	raw, _, err = x.source(name)
	return raw, known, m.located(err)
}
