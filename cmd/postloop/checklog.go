// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"slices"

	"postloop/cfg"
	"postloop/master"
	"postloop/master/logloop"
	"postloop/master/maillog"
)

// checkLog finds what would keep a master from opening its log, or its lines
// from arriving.
func checkLog(c *cfg.Config) (list []master.Finding) {
	add := func(warning bool, name, format string, args ...any) {
		for _, e := range master.Errors(c.Main.Errorf(name, format, args...)) {
			list = append(list, master.Finding{Error: e, Warning: warning})
		}
	}
	p, dest := c.Params, logloop.Dest(c.Params)
	if !p.Rootless && os.Geteuid() != 0 { // the master has other rights than we have
		dest.File = "/dev/null"
	}
	name := "maillog_file"
	if dest.Kind != maillog.File && dest.Kind != maillog.Postlog {
		name = "log_to"
	}
	wrong, absent := dest.Probe()
	if wrong != nil {
		add(false, name, "%v", wrong)
	}
	if absent != nil {
		where := map[maillog.Kind]string{maillog.Syslog: "syslog", maillog.Journal: "the journal"}[dest.Kind]
		add(true, name, "nobody listens on the socket of %s: %s -- up to 1000 lines of each process wait, further ones are lost",
			where, maillog.Strerror(absent))
	}
	if dest.Kind == maillog.Postlog && needsPostlogd(c) {
		add(true, name, "maillog_file: there is no service %q, so only master's own lines get there; "+
			"add \"%[1]s unix-dgram n - n - 1 postlogd\" to master.cf, or specify log_to", p.PostlogServiceName)
	}
	return list
}

// needsPostlogd reports whether there are processes, whose lines take postlogd,
// and no such service.
func needsPostlogd(c *cfg.Config) bool {
	processes := false
	for i := range c.Services {
		s := &c.Services[i]
		if c.Params.IsPostlog(s) {
			return false
		}
		processes = processes || !slices.Contains(c.Params.BuiltinServices, s.Command)
	}
	return processes
}
