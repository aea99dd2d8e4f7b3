// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"

	"postloop/cfg"
	"postloop/services/table/cf"
)

// openPgsql opens pgsql:/path/file, or with parameters in main.cf pgsql:name.
func openPgsql(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"pgsql", "table-pgsql", pgsqlSettings}, name, m)
}

// pgsqlSettings are those of pgsql_table(5).
func pgsqlSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	s := &settingsReader{keyed: k}
	hosts := cfg.SplitList(s.text("hosts", "", 0))
	if len(hosts) == 0 {
		hosts = []string{"localhost"}
	}
	s.add("hosts", strings.Join(hosts, " "))
	s.addText("user", "", 0)
	s.addText("password", "", 0)
	dbname := s.text("dbname", "", 0)
	s.add("dbname", dbname)
	query, err := k.pgsqlQuery()
	s.addTemplate("query", query, err)
	s.addText("encoding", "UTF8", 1)
	s.addNumber("idle_interval", 60, 1)
	s.addNumber("retry_interval", 60, 1)
	for _, host := range hosts {
		if dbname == "" && !strings.Contains(host, "://") {
			s.fail(fmt.Errorf("pgsql:%s host target '%s' requires dbname setting", k.Name(), host))
		}
	}
	return s.done(query)
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
