// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"net/netip"
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
	s := &settingsReader{keyed: k}
	s.add("name", k.Name())
	s.addText("user", "", 0)
	s.addText("password", "", 0)
	s.addText("dbname", "", 1)
	s.addText("charset", "", 0)
	s.addText("option_file", "", 0)
	s.addText("option_group", "client", 0)
	for _, name := range []string{"tls_key_file", "tls_cert_file", "tls_CAfile", "tls_CApath", "tls_ciphers"} {
		s.addText(name, "", 0)
	}
	s.addNumber("idle_interval", 60, 1)
	s.addNumber("retry_interval", 60, 1)
	for _, flag := range []struct {
		name string
		def  bool
	}{{"require_result_set", true}, {"tls_verify_cert", false}} {
		if on := s.flag(flag.name, flag.def); on || k.Set(flag.name) { // no: whatever an option file says
			s.add(flag.name, yes(on))
		}
	}
	hosts, err := mysqlHosts(s.text("hosts", "localhost", 0))
	s.fail(err)
	s.add("hosts", hosts)
	query, err := k.sqlQuery()
	return s.done(s.addTemplate("query", query, err))
}

// mysqlHosts checks a list of servers, and returns it with blanks in between.
func mysqlHosts(list string) (string, error) {
	words := hostWords(list)
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
