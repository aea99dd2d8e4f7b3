// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strconv"
	"strings"

	"postloop/services/table/cf"
)

// openPgsql opens pgsql:/path/file, or with parameters in main.cf pgsql:name.
func openPgsql(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"pgsql", "table-pgsql", pgsqlSettings}, name, m)
}

// pgsqlSettings are those of pgsql_table(5).
func pgsqlSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	var errs [8]error
	var user, password, dbname, encoding, servers string
	var idle, retry int
	user, errs[0] = k.String("user", "", 0)
	password, errs[1] = k.String("password", "", 0)
	dbname, errs[2] = k.String("dbname", "", 0)
	encoding, errs[3] = k.String("encoding", "UTF8", 1)
	idle, errs[4] = k.Int("idle_interval", 60, 1)
	retry, errs[5] = k.Int("retry_interval", 60, 1)
	query, err := k.pgsqlQuery()
	errs[6] = err
	servers, errs[7] = k.String("hosts", "", 0)
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	words := strings.FieldsFunc(servers, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) })
	if len(words) == 0 {
		words = []string{"localhost"}
	}
	for _, word := range words {
		if dbname == "" && !strings.Contains(word, "://") {
			return nil, nil, fmt.Errorf("pgsql:%s host target '%s' requires dbname setting", k.Name(), word)
		}
	}
	return []string{
		"hosts", strings.Join(words, " "), "user", user, "password", password, "dbname", dbname, "query", query.String(),
		"encoding", encoding, "idle_interval", strconv.Itoa(idle), "retry_interval", strconv.Itoa(retry),
	}, []*cf.Template{query}, nil
}

// pgsqlQuery is the query of a table, which may be no more than a function's name.
func (k *keyed) pgsqlQuery() (*cf.Template, error) {
	query, err := k.String("query", "", 0)
	if err != nil {
		return nil, err
	}
	function, err := k.String("select_function", "", 0)
	if err != nil {
		return nil, err
	}
	if query == "" && function != "" {
		return k.Template("query", fmt.Sprintf("SELECT %s('%%s')", function))
	}
	return k.sqlQuery()
}
