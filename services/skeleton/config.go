// SPDX-License-Identifier: ISC

package skeleton

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"postloop/cfg"
	"postloop/master/logloop"
	"postloop/master/maillog"
)

const defaultConfigDir = "/etc/postfix"

// configure reads the configuration and the options, of which the latter go
// first, and sends the log where it belongs.
func (d *Daemon) configure(args []string) error {
	d.dir = os.Getenv("MAIL_CONFIG")
	if d.dir == "" {
		d.dir = defaultConfigDir
	}
	var err error
	if d.dir, err = filepath.Abs(d.dir); err != nil { // we are about to go elsewhere
		return err
	}
	if d.Main, err = cfg.LoadMain(d.dir, d.prepare); err != nil {
		return err
	}
	err = d.f.parse(args)
	d.Log.Verbose += d.f.verbose
	if d.f.stderr {
		d.Log.Tap(d.tellStderr)
	}
	if err != nil {
		return err
	}
	d.Args = d.f.rest
	if d.Name = d.f.service; d.Name == "" {
		d.Name = d.process
	}
	for _, o := range d.f.overrides {
		d.Main.Set(o.Name, o.Value)
	}
	d.Main.Set("process_name", d.process) // these two are nobody's to change
	d.Main.Set("service_name", d.Name)
	if d.Params, err = d.Main.Params(); err != nil {
		return err
	}
	if err := d.findOwner(); err != nil {
		return err
	}
	if d.f.transport != "" {
		d.Log = d.Log.About(d.Name + "/" + d.f.transport)
	}
	dest := logloop.Dest(d.Params)
	if dest.Kind == maillog.Postlog {
		dest.File = "" // the master's, not for everybody to write to
	}
	return d.Log.Open(dest)
}

// prepare gives main.cf the defaults that only this process knows.
func (d *Daemon) prepare(m *cfg.Main) {
	m.SetDefault("process_name", d.process)
	m.SetDefault("process_id", strconv.Itoa(os.Getpid()))
	if name, err := os.Hostname(); err == nil {
		m.SetDefault("myhostname", name)
	}
}

// findOwner resolves mail_owner and refuses what would give it away.
func (d *Daemon) findOwner() error {
	if d.Params.Rootless {
		return nil
	}
	name := d.Params.MailOwner
	var text string
	err := d.await(func() (err error) {
		d.Owner, err = d.Names.User(name)
		return err
	})
	switch {
	case err != nil:
		text = "unknown user name value: " + name
	case d.Owner.UID == 0:
		text = fmt.Sprintf("user %s has privileged user ID", name)
	case d.Owner.GID == 0:
		text = fmt.Sprintf("user %s has privileged group ID", name)
	default:
		return nil
	}
	return fmt.Errorf("file %s: parameter mail_owner: %s", d.Main.File(), text)
}

// tellStderr is -V: lines go to standard error as well.
func (d *Daemon) tellStderr(tag, severity, text string) {
	if severity != "info" {
		text = severity + ": " + text
	}
	if d.Params == nil || d.Params.LogTo != "stderr" { // where they go anyway
		fmt.Fprintf(os.Stderr, "%s: %s\n", tag, text)
	}
	d.countErrors(tag, severity, text)
}
