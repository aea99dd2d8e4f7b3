// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postloop/cfg"
	"postloop/services/table"
)

// The parameters that say which tables proxymap and proxywrite may open.
var listParams = []string{"proxy_read_maps", "proxy_write_maps"}

// proxied is a table that proxymap is asked for.
var proxied = regexp.MustCompile(`proxy:[^\s,{}$]+`)

// lintTables finds what is odd about tables, as far as text can tell. complete
// means that c has all that there is.
func lintTables(c *cfg.Config, complete bool) (list []*cfg.Error) {
	m := c.Main
	blame := func(name, format string, args ...any) {
		list = append(list, m.Errorf(name, "%s: %s", name, fmt.Sprintf(format, args...)))
	}
	used := map[string]bool{}
	for _, name := range m.Names() {
		if raw, _ := m.Raw(name); !slices.Contains(listParams, name) {
			for _, t := range proxied.FindAllString(raw, -1) {
				used[t] = true
			}
		}
	}
	for i := range c.Services {
		for _, arg := range c.Services[i].Args {
			for _, t := range proxied.FindAllString(arg, -1) {
				used[t] = true
			}
		}
	}
	allowed, readable := allowedTables(m)
	for _, name := range m.Names() {
		raw, _ := m.Raw(name)
		isList := slices.Contains(listParams, name)
		for _, t := range proxied.FindAllString(raw, -1) {
			switch typ, _, named := strings.Cut(strings.TrimPrefix(t, "proxy:"), ":"); {
			case !named:
				blame(name, "%s: a table is proxy:type:name", t)
			case !table.Known(typ):
				blame(name, "%s: proxymap has no tables of type %s", t, typ)
			case isList && complete && !used[t]:
				blame(name, "%s: no other parameter uses this table; remove it", t)
			case !isList && readable && !allowed[t]:
				blame(name, "%s: proxymap will refuse it, as it is not in proxy_read_maps; add $%s there", t, name)
			}
		}
	}
	return list
}

// allowedTables are those in the lists; not readable: what is in files is not
// looked at.
func allowedTables(m *cfg.Main) (allowed map[string]bool, readable bool) {
	allowed = map[string]bool{}
	names := slices.Clone(listParams)
	if classes, err := m.Value("smtpd_restriction_classes"); err == nil {
		names = append(names, cfg.SplitList(classes)...)
	}
	for _, name := range names {
		value, err := m.Value(name)
		if err != nil {
			return nil, false
		}
		for _, t := range proxied.FindAllString(value, -1) {
			allowed[t] = true
		}
		if slices.Contains(listParams, name) && slices.ContainsFunc(strings.Fields(value), func(w string) bool { return w[0] == '/' }) {
			return nil, false
		}
	}
	return allowed, true
}
