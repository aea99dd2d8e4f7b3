// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"postloop/services/table/cf"
)

// openMysql opens mysql:/path/file, or with parameters in main.cf mysql:name.
// The servers need not be there.
func openMysql(e *Env, name string, m Mode, _ Flags) (Table, error) {
	return openDriven(e, driver{"mysql", "table-mysql", mysqlSettings}, name, m)
}

// mysqlSettings are those of mysql_table(5).
func mysqlSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	list = []string{"name", k.Name()}
	for _, s := range []struct {
		name, def string
		least     int
	}{
		{"user", "", 0},
		{"password", "", 0},
		{"dbname", "", 1},
		{"charset", "", 0},
		{"option_file", "", 0},
		{"option_group", "client", 0},
		{"tls_key_file", "", 0},
		{"tls_cert_file", "", 0},
		{"tls_CAfile", "", 0},
		{"tls_CApath", "", 0},
		{"tls_ciphers", "", 0},
	} {
		text, err := k.String(s.name, s.def, s.least)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s.name, text)
	}
	for _, name := range []string{"idle_interval", "retry_interval"} {
		n, err := k.Int(name, 60, 1)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, name, strconv.Itoa(n))
	}
	for _, s := range []struct {
		name string
		def  bool
	}{{"require_result_set", true}, {"tls_verify_cert", false}} {
		yes, err := k.Bool(s.name, s.def)
		switch {
		case err != nil:
			return nil, nil, err
		case yes:
			list = append(list, s.name, "yes")
		case k.Set(s.name):
			list = append(list, s.name, "no") // whatever an option file says
		}
	}
	hosts, err := k.String("hosts", "localhost", 0)
	if err != nil {
		return nil, nil, err
	}
	if hosts, err = mysqlHosts(hosts); err != nil {
		return nil, nil, err
	}
	query, err := k.sqlQuery()
	if err != nil {
		return nil, nil, err
	}
	return append(list, "hosts", hosts, "query", query.String()), []*cf.Template{query}, nil
}

// mysqlHosts checks a list of servers, and returns it with blanks in between.
func mysqlHosts(list string) (string, error) {
	words := strings.FieldsFunc(list, func(c rune) bool { return c <= ' ' || c == ',' })
	for _, word := range words {
		host := strings.TrimPrefix(word, "inet:")
		colon := strings.LastIndexByte(host, ':')
		if _, err := netip.ParseAddr(host); err == nil || colon < 0 || strings.HasPrefix(host, "unix:") || strings.HasSuffix(host, "]") {
			continue
		}
		port := host[colon+1:]
		switch n, ok := portNumber(port); {
		case !ok:
			return "", fmt.Errorf("unknown service: %s/tcp", port)
		case n < 0 || n > 65535:
			return "", fmt.Errorf("bad port number: %s", port)
		}
	}
	if len(words) == 0 {
		words = []string{"localhost"}
	}
	return strings.Join(words, " "), nil
}
