// SPDX-License-Identifier: ISC

package table

import (
	"fmt"

	"postloop/services/table/cf"
)

// openSqlite opens sqlite:/path/file, or with parameters in main.cf sqlite:name.
func openSqlite(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"sqlite", "table-sqlite", sqliteSettings}, name, m)
}

// sqliteSettings are those of sqlite_table(5).
func sqliteSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	path, err := k.String("dbpath", "", 1)
	if err != nil {
		return nil, nil, err
	}
	query, err := k.sqlQuery()
	if err != nil {
		return nil, nil, err
	}
	if _, ok := statFile(path); !ok {
		return nil, nil, fmt.Errorf("open %s: no such database", path)
	}
	return []string{"name", k.Name(), "dbpath", path, "query", query.String()}, []*cf.Template{query}, nil
}
