// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"os"
	"path/filepath"

	"postloop/cfg"
	"postloop/services/skeleton"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

// The services that the program can be, whatever other programs call them.
const (
	readService  = "proxymap"
	writeService = "proxywrite"
)

// Program is the daemon proxymap.
func Program() skeleton.Options {
	p := &program{}
	return skeleton.Options{
		Transports: []cfg.Type{cfg.Inet, cfg.Unix},
		Check:      p.check,
		Serve:      p.serve,
	}
}

// program is what the daemon finds out before it gives up its privileges.
type program struct {
	c       Config
	workers string // proxymap_worker_directory
	fatal   bool   // daemon_table_open_error_is_fatal
}

// check reads what the service may open: a list may be in files that are
// nobody else's to read.
func (p *program) check(d *skeleton.Daemon) (err error) {
	p.c.Name = d.Name
	switch d.Name {
	case readService:
	case writeService:
		p.c.Mode = table.ReadWrite
	default:
		return fmt.Errorf("invalid service name: \"%s\" - service name must be \"%s\" or \"%s\"", d.Name, writeService, readService)
	}
	if len(d.Args) > 0 {
		return fmt.Errorf("unexpected command-line argument: %s", d.Args[0])
	}
	if p.c.UTF8, err = d.Main.Bool("smtputf8_enable"); err != nil {
		return err
	}
	if p.workers, err = workers(d.Main); err != nil {
		return err
	}
	if p.fatal, err = d.Main.Bool("daemon_table_open_error_is_fatal"); err != nil {
		return err
	}
	if p.c.Listed, err = readList(d.Main, p.c.Mode, d.Log.Warnf); err != nil {
		return err
	}
	p.c.Settings, err = listedSettings(d.Main, p.c.Mode, p.c.Listed, d.Log.Warnf)
	return err
}

// serve makes the service. One that writes leaves the master's process group:
// a signal to all of that must not hit it in the middle of a change.
func (p *program) serve(d *skeleton.Daemon) (skeleton.Server, error) {
	if p.c.Mode == table.ReadWrite {
		_, _ = unix.Setsid() // which fails only where it is so already
	}
	if p.fatal {
		p.c.Broken = func(err error) { d.Fatalf("%s", err) }
	}
	env := &table.Env{Loop: d.Loop, Log: d.Log, Main: d.Main, Workers: p.workers}
	a := newNameService(d.Loop, d.Log, d.Params.InetProtocols)
	env.User, env.Group, env.Host = a.user, a.group, a.host
	return New(env, p.c), nil
}

// workers is the directory with the programs that do the work of some tables:
// where this program is, unless main.cf says otherwise.
func workers(m *cfg.Main) (string, error) {
	dir, err := m.Value("proxymap_worker_directory")
	if dir != "" || err != nil {
		return dir, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil // then there are none
	}
	return filepath.Dir(self), nil
}
