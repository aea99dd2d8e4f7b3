// SPDX-License-Identifier: ISC

package logloop

import (
	"testing"

	"postloop/cfg"
	"postloop/master/maillog"
)

// TestDest: log_to goes before Postfix's rule.
func TestDest(t *testing.T) {
	for _, c := range []struct {
		to, file, format string
		kind             maillog.Kind
		path             string
	}{
		{"", "", "text", maillog.Syslog, ""},
		{"", "/var/log/mail", "text", maillog.Postlog, "/queue/public/postlog"},
		{"file", "/var/log/mail", "json", maillog.File, ""},
		{"journal", "/var/log/mail", "text", maillog.Journal, ""},
		{"syslog", "/var/log/mail", "text", maillog.Syslog, ""},
		{"stderr", "", "json", maillog.Stderr, ""},
		{"stdout", "", "text", maillog.Stdout, ""},
	} {
		d := Dest(&cfg.Params{
			LogTo: c.to, MaillogFile: c.file, LogFormat: c.format, QueueDirectory: "/queue", PostlogServiceName: "postlog",
			SyslogName: "box", SyslogFacility: "local1", MyHostname: "mx.example.org", MaillogFilePermissions: 0o640,
		})
		want := maillog.Dest{
			Kind: c.kind, Path: c.path, File: c.file, Name: "box", Facility: "local1", Host: "mx.example.org", FilePermissions: 0o640,
		}
		if c.format == "json" {
			want.Format = maillog.JSON
		}
		if d != want {
			t.Errorf("%+v: got %+v", c, d)
		}
	}
}
