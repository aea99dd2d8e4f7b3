// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
	"testing"

	"postloop/services/table/cf"
)

func TestPgsqlSettings(t *testing.T) {
	const rest = "user= password= dbname=d query=SELECT 1 encoding=UTF8 idle_interval=60 retry_interval=60"
	for _, row := range []struct{ text, want string }{
		{"dbname = d\nquery = SELECT 1", "hosts=localhost " + rest},
		{"dbname = d\nquery = SELECT 1\nhosts = ,", "hosts=localhost " + rest},
		{"dbname = d\nquery = SELECT 1\nhosts = a, inet:b:1\tunix:/c", "hosts=a inet:b:1 unix:/c " + rest},
		{"hosts = postgresql://u@h/d\nquery = '%s'\nencoding = LATIN1\nuser = u\npassword = p w\nidle_interval = 1\nretry_interval = 2", "hosts=postgresql://u@h/d user=u password=p w dbname= query='%s' encoding=LATIN1 idle_interval=1 retry_interval=2"},
		{"query = SELECT 1", "pgsql:t.cf host target 'localhost' requires dbname setting"},
		{"query = SELECT 1\nhosts = postgresql://a b", "pgsql:t.cf host target 'b' requires dbname setting"},
		{"dbname = d", "t.cf: bad string length 0 < 1: table = "},
		{"dbname = d\nquery = %x", "db_common_parse: t.cf: Invalid query template: %x"},
		{"dbname = d\nselect_function = f", "hosts=localhost " + strings.Replace(rest, "SELECT 1", "SELECT f('%s')", 1)},
		{"dbname = d\nquery =\nselect_function = f\ntable = t", "hosts=localhost " + strings.Replace(rest, "SELECT 1", "SELECT f('%s')", 1)},
		{"dbname = d\nquery = SELECT 1\nselect_function = f", "hosts=localhost " + rest},
		{"dbname = d\nselect_function = %x", "db_common_parse: t.cf: Invalid query template: SELECT %x('%s')"},
		{"dbname = d\ntable = t\nselect_field = f\nwhere_field = w", "hosts=localhost " + strings.Replace(rest, "SELECT 1", "SELECT f FROM t WHERE w='%s' ", 1)},
		{"dbname = d\nquery = q\nencoding =", "t.cf: bad string length 0 < 1: encoding = "},
		{"dbname = d\nquery = q\nidle_interval = 0", "t.cf: invalid idle_interval parameter value 0 < 1"},
		{"dbname = d\nquery = q\nretry_interval = 1m", "t.cf: bad numerical configuration: retry_interval = 1m"},
	} {
		s, _, err := cf.Parse("t.cf", strings.NewReader(row.text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		list, templates, err := pgsqlSettings(&keyed{Settings: s})
		got := fmt.Sprint(err)
		if err == nil {
			var parts []string
			for i := 0; i+1 < len(list); i += 2 {
				parts = append(parts, list[i]+"="+list[i+1])
			}
			got = strings.Join(parts, " ")
			if len(templates) != 1 {
				t.Errorf("%q: %d templates", row.text, len(templates))
			}
		}
		if got != row.want {
			t.Errorf("%q: got\n%s\nwant\n%s", row.text, got, row.want)
		}
	}
}
