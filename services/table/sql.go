// SPDX-License-Identifier: ISC

package table

import (
	"fmt"

	"postloop/services/table/cf"
)

// sqlQuery is the query of a table: the setting of that name, or where there is
// none what the older settings make of one.
func (k *keyed) sqlQuery() (*cf.Template, error) {
	text, err := k.String("query", "", 0)
	if err != nil {
		return nil, err
	}
	if text == "" {
		var from, field, where, more string
		for _, part := range []struct {
			name  string
			least int
			text  *string
		}{{"table", 1, &from}, {"select_field", 1, &field}, {"where_field", 1, &where}, {"additional_conditions", 0, &more}} {
			if *part.text, err = k.String(part.name, "", part.least); err != nil {
				return nil, err
			}
		}
		text = fmt.Sprintf("SELECT %s FROM %s WHERE %s='%%s' %s", field, from, where, more)
	}
	return k.Template("query", text)
}
