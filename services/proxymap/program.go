// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
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
	c     Config
	fatal bool // daemon_table_open_error_is_fatal
}

// check reads what the service may open: a list may be in files that are
// nobody else's to read.
func (p *program) check(d *skeleton.Daemon) (err error) {
	name, export, all := exported(d.Name)
	if p.c, err = configure(name, d.Args, d.Main, all, d.Log.Warnf); err == nil {
		p.fatal, err = d.Main.Bool("daemon_table_open_error_is_fatal")
	}
	if err != nil || !export {
		return err
	}
	for _, ref := range slices.Sorted(maps.Keys(p.c.Listed)) {
		if _, err := fmt.Println(ref); err != nil {
			return fmt.Errorf("write list: %w", err)
		}
	}
	return skeleton.ErrDone
}

// exported takes the name of a service apart that does nothing but print its
// list, as Postfix has it from 3.11 on: with all, of tables without proxy, too.
func exported(name string) (service string, export, all bool) {
	if service, ok := strings.CutPrefix(name, "export-all-"); ok {
		return service, true, true
	}
	if service, ok := strings.CutPrefix(name, "export-proxy-"); ok {
		return service, true, false
	}
	return name, false, false
}

// configure finds out what a service of that name is to do. args are what
// follows its options; all is readList's. What is odd about a list goes to warn.
func configure(name string, args []string, m *cfg.Main, all bool, warn func(string, ...any)) (c Config, err error) {
	c.Name = name
	switch name {
	case readService:
	case writeService:
		c.Mode = table.ReadWrite
	default:
		return c, fmt.Errorf("invalid service name: \"%s\" - service name must be \"%s\" or \"%s\"", name, writeService, readService)
	}
	if len(args) > 0 {
		return c, fmt.Errorf("unexpected command-line argument: %s", args[0])
	}
	if c.UTF8, err = m.Bool("smtputf8_enable"); err != nil {
		return c, err
	}
	if c.Workers, err = workers(m); err != nil {
		return c, err
	}
	if c.Listed, err = readList(m, c.Mode, all, warn); err != nil {
		return c, err
	}
	c.Settings, err = listedSettings(m, c.Mode, c.Listed, warn)
	return c, err
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
	return New(newEnv(d.Loop, d.Log, d.Main, d.Params, p.c.Workers), p.c), nil
}

// Env returns what tables live on in a program with the configuration m that is not
// proxymap itself. The names of hosts, users and groups are looked up as proxymap
// does it.
func Env(l *loop.Loop, log *maillog.Logger, m *cfg.Main, p *cfg.Params) (*table.Env, error) {
	dir, err := workers(m)
	if err != nil {
		return nil, err
	}
	return newEnv(l, log, m, p, dir), nil
}

// newEnv returns what tables live on.
func newEnv(l *loop.Loop, log *maillog.Logger, m *cfg.Main, p *cfg.Params, workers string) *table.Env {
	a := newNameService(l, log, p.InetProtocols)
	return &table.Env{Loop: l, Log: log, Main: m, User: a.user, Group: a.group, Host: a.host, Workers: workers}
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
