// SPDX-License-Identifier: ISC

package lspawn

import (
	"slices"
	"strings"
)

// ours begins the names of this program's own settings.
const ours = "QMAIL_LSPAWN_"

// baseEnviron returns the part of environ that every child gets. QMAILREMOTE
// would have filters take a local delivery for a remote one, and PWSTRUCT
// everybody for that user.
func baseEnviron(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "QMAILREMOTE" || name == "MESSID" || name == "PWSTRUCT" || strings.HasPrefix(name, ours)
	})
}

// refused are names that a message's header must not set, and beginnings of
// such names: what changes how programs run, where they find their files, or
// who they think they act for.
var (
	refused = []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV", "CDPATH", "TMPDIR", "PERL5LIB", "PERL5OPT", "PERLLIB",
		"QUEUEDIR", "CONTROLDIR", "ASSIGNDIR", "AUTHSELF", "PWSTRUCT", "VIRTUAL_PKG_LIB", "QUERY_CACHE", "ROUTE_NULL_USER",
		"SETUSER_PRIVILEGES", "USE_QPWGR", "MESSID", "QQEH",
		"FILTERARGS", "SPAMFILTER", "LOGFILTER", "FROMRULES", "RCPTRULES", "QUEUE_BASE", "SMTPROUTE", "QMTPROUTE", "ROUTES",
		"FIFODIR", "INFIFO", "FIFO_MODE", "REAL_DOMAINS", "ALIAS_DOMAINS", "LOCALDOMAINS", "DOMAIN_LIMITS",
		"SHELLOPTS", "BASHOPTS", "PS4", "GCONV_PATH", "LOCPATH", "NLSPATH", "GLIBC_TUNABLES", "HOSTALIASES", "RES_OPTIONS",
	}
	refusedBeginnings = []string{"QMAIL", "LD_", "DYLD_", "MYSQL_", "BASH_FUNC_", "PYTHON", "RUBY", "NODE_"}
)

// appendHeader appends to env what the lines of envh say. They come out of a
// message: none of them replaces what env had before, or is about the system
// rather than about the message.
func appendHeader(env []string, envh string) []string {
	base := len(env)
	for line := range strings.Lines(envh) {
		if !strings.HasSuffix(line, "\n") {
			break // what the queue has cut off
		}
		name, value, ok := strings.Cut(line[:len(line)-1], ":")
		if !ok || !mayBeSet(name) || find(env[:base], name) >= 0 {
			continue
		}
		env = set(env, name+"="+strings.TrimLeft(value, " "))
	}
	return env
}

// set puts a variable into env, in the place of the one that has its name: of
// two, programs would see the first.
func set(env []string, entry string) []string {
	name, _, _ := strings.Cut(entry, "=")
	if i := find(env, name); i >= 0 {
		env[i] = entry
		return env
	}
	return append(env, entry)
}

// mayBeSet reports whether a header may set the variable called name. One that
// begins with a blank is no header, but the rest of a folded one.
func mayBeSet(name string) bool {
	return name != "" && name[0] != ' ' && name[0] != '\t' && !strings.Contains(name, "=") && !slices.Contains(refused, name) &&
		!slices.ContainsFunc(refusedBeginnings, func(s string) bool { return strings.HasPrefix(name, s) })
}

// find returns where in env the variable called name is, or -1.
func find(env []string, name string) int {
	return slices.IndexFunc(env, func(v string) bool {
		return len(v) > len(name) && v[len(name)] == '=' && v[:len(name)] == name
	})
}
