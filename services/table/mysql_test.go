// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/cf"
)

// TestMysqlSettings: what a worker is told, and what is refused before.
func TestMysqlSettings(t *testing.T) {
	w := newWorld(t)
	settings := func(text string) (map[string]string, error) {
		t.Helper()
		s, _, err := cf.Parse("t.cf", strings.NewReader(text))
		w.must(err)
		list, templates, err := mysqlSettings(&keyed{Settings: s})
		if err == nil && len(templates) != 1 {
			t.Errorf("%q: %d templates", text, len(templates))
		}
		told := map[string]string{}
		for pair := range slices.Chunk(list, 2) {
			told[pair[0]] = pair[1]
		}
		return told, err
	}
	const base = "dbname = d\nquery = SELECT '%s'\n"
	for text, want := range map[string]map[string]string{
		"": {
			"name": "t.cf", "hosts": "localhost", "user": "", "password": "", "dbname": "d", "query": "SELECT '%s'", "option_group": "client",
			"idle_interval": "60", "retry_interval": "60", "require_result_set": "yes", "tls_verify_cert": "", "charset": "",
		},
		"hosts = a, unix:/s:x\n inet:b:mysql [::1] [::1]:5 ::1 inet:": {"hosts": "a unix:/s:x inet:b:mysql [::1] [::1]:5 ::1 inet:"},
		"hosts = ,":                   {"hosts": "localhost"},
		"tls_verify_cert = no":        {"tls_verify_cert": "no"},
		"tls_verify_cert = yes":       {"tls_verify_cert": "yes"},
		"require_result_set = no":     {"require_result_set": "no"},
		"option_group =":              {"option_group": ""},
		"idle_interval = 5":           {"idle_interval": "5"},
		"password = a\ntls_CAfile =b": {"password": "a", "tls_CAfile": "b"},
	} {
		told, err := settings(base + text + "\n")
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for name, value := range want {
			if told[name] != value {
				t.Errorf("%q: %s is %q, want %q", text, name, told[name], value)
			}
		}
	}
	for text, want := range map[string]string{
		"query = x":                       "t.cf: bad string length 0 < 1: dbname = ",
		"dbname = d":                      "t.cf: bad string length 0 < 1: table = ",
		base + "query = %x":               "db_common_parse: t.cf: Invalid query template: %x",
		base + "idle_interval = 0":        "t.cf: invalid idle_interval parameter value 0 < 1",
		base + "retry_interval = x":       "t.cf: bad numerical configuration: retry_interval = x",
		base + "require_result_set = x":   "t.cf: bad boolean configuration: require_result_set = x",
		base + "tls_verify_cert = 1":      "t.cf: bad boolean configuration: tls_verify_cert = 1",
		base + "hosts = a:nosuchport":     "unknown service: nosuchport/tcp",
		base + "hosts = inet:a:":          "unknown service: /tcp",
		base + "hosts = unix:/s, a:99999": "bad port number: 99999",
	} {
		if _, err := settings(text + "\n"); fmt.Sprint(err) != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
