// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
)

// Open opens the table ref, which is type:name.
func (e *Env) Open(ref string, m Mode, f Flags) (Table, error) {
	typ, name, ok := strings.Cut(ref, ":")
	if !ok || typ == "" || name == "" {
		return nil, fmt.Errorf("expecting \"type:name\" form instead of \"%s\"", ref)
	}
	open := opener(typ)
	if open == nil {
		return nil, fmt.Errorf("unsupported dictionary type: %s", typ)
	}
	return open(e, name, m, f)
}

// opener returns what opens tables of a type, by its name in main.cf, or nil.
func opener(typ string) Opener {
	switch typ {
	case "memcache":
		return openMemcache
	case "redis":
		return openRedis
	case "socketmap":
		return openSocketmap
	case "tcp":
		return openTCP
	}
	return nil
}
