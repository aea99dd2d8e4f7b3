// SPDX-License-Identifier: ISC

package master

import (
	"strings"

	"postloop/cfg"
	"postloop/master/maillog"
)

// childEnv returns what every process finds in its environment under p. The
// tag of the log is imported like anything else; where the log daemon is, or
// that an output is a stream into the journal, every process learns, whatever is
// imported.
func childEnv(environ []string, p *cfg.Params) []string {
	for _, name := range []string{"POSTLOG_SERVICE", "POSTLOG_HOSTNAME", "MAIL_LOGTAG"} {
		environ = without(environ, name)
	}
	env := cfg.CleanEnv(append(environ, "MAIL_LOGTAG="+p.SyslogName), p.ImportEnvironment)
	if p.LogTo == "stderr" || p.LogTo == "stdout" {
		if stream, ok := lookup(environ, maillog.EnvJournal); ok {
			env = append(without(env, maillog.EnvJournal), maillog.EnvJournal+"="+stream)
		}
	}
	if p.MaillogFile == "" || p.LogTo != "" {
		return env
	}
	return append(without(without(env, "POSTLOG_SERVICE"), "POSTLOG_HOSTNAME"),
		"POSTLOG_SERVICE="+p.QueueDirectory+"/public/"+p.PostlogServiceName,
		"POSTLOG_HOSTNAME="+p.MyHostname)
}

// lookup returns the value of the variable name.
func lookup(environ []string, name string) (value string, ok bool) {
	for _, v := range environ {
		if value, ok = strings.CutPrefix(v, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// without returns environ less the variable name, in a slice of its own.
func without(environ []string, name string) []string {
	out := make([]string, 0, len(environ)+3)
	for _, v := range environ {
		if !strings.HasPrefix(v, name+"=") {
			out = append(out, v)
		}
	}
	return out
}
