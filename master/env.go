// SPDX-License-Identifier: ISC

package master

import (
	"strings"

	"postloop/cfg"
)

// childEnv returns what every process finds in its environment under p.
func childEnv(environ []string, p *cfg.Params) []string {
	var set []string
	drop := func(name string) { environ = without(environ, name) }
	drop("POSTLOG_SERVICE")
	drop("POSTLOG_HOSTNAME")
	drop("MAIL_LOGTAG")
	set = append(set, "MAIL_LOGTAG="+p.SyslogName)
	if p.MaillogFile != "" && p.LogTo == "" {
		set = append(set,
			"POSTLOG_SERVICE="+p.QueueDirectory+"/public/"+p.PostlogServiceName,
			"POSTLOG_HOSTNAME="+p.MyHostname)
	}
	return cfg.CleanEnv(append(environ, set...), p.ImportEnvironment)
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
