// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"

	"postloop/master/maillog"
	"postloop/services/table/cf"
)

// openSqlite opens sqlite:/path/file, or with parameters in main.cf sqlite:name.
func openSqlite(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"sqlite", "table-sqlite", func(k *keyed) ([]string, []*cf.Template, error) {
		return sqliteSettings(e.Log, k)
	}}, name, m)
}

// sqliteSettings are those of sqlite_table(5); log is for what is odd about them.
func sqliteSettings(log *maillog.Logger, k *keyed) (list []string, templates []*cf.Template, err error) {
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
	if escape := unquoted(query.String()); escape != "" {
		log.Warnf("sqlite:%s: query >%s< contains >%s< without the recommended '' quotes", k.Name(), query, escape)
	}
	return []string{"name", k.Name(), "dbpath", path, "query", query.String()}, []*cf.Template{query}, nil
}

// unquoted is the first escape of a query, a valid template, that stands for part
// of a key outside of single quotes: nothing keeps that from being SQL.
func unquoted(query string) string {
	for outside := true; ; {
		at := strings.IndexAny(query, "%'")
		switch {
		case at < 0:
			return ""
		case query[at] == '\'':
			outside = !outside
			query = query[at+1:]
		case outside && query[at+1] != '%':
			return query[at : at+2]
		default:
			query = query[at+2:]
		}
	}
}
