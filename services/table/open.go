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

// Known reports whether there are tables of a type.
func Known(typ string) bool { return opener(typ) != nil }

// opener returns what opens tables of a type, by its name in main.cf, or nil.
func opener(typ string) Opener {
	switch typ {
	case "btree":
		return openBtree
	case "cdb":
		return openCdb
	case "cidr":
		return openCidr
	case "debug":
		return openDebug
	case "environ":
		return openEnviron
	case "fail":
		return openFail
	case "hash":
		return openHash
	case "http":
		return openHTTP
	case "inline":
		return openInline
	case "internal":
		return openInternal
	case "ldap":
		return openLdap
	case "lmdb":
		return openLmdb
	case "memcache":
		return openMemcache
	case "mysql":
		return openMysql
	case "pcre":
		return openPCRE
	case "pgsql":
		return openPgsql
	case "pipemap":
		return openPipemap
	case "proxy":
		return openProxy
	case "randmap":
		return openRandmap
	case "redis":
		return openRedis
	case "regexp":
		return openRegexp
	case "socketmap":
		return openSocketmap
	case "sqlite":
		return openSqlite
	case "static":
		return openStatic
	case "tcp":
		return openTCP
	case "texthash":
		return openTexthash
	case "unionmap":
		return openUnionmap
	case "unix":
		return openUnix
	}
	return nil
}
