// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// version is what the log calls this program, unless mail_version says
// otherwise.
const version = "postloop-0.1.0"

const (
	defaultConfigDir = "/etc/postfix"
	// watchdogTime is how long one turn of the loop may take before the
	// process is given up.
	watchdogTime = 1000 * time.Second
	// hotTime is how young a configuration file may be at a reload: whoever
	// is writing it gets the time to finish.
	hotTime = time.Second
)

// daemon is one run of the program.
type daemon struct {
	o        *options
	process  string
	log      *maillog.Logger
	dir      string // of the configuration, absolute
	programs string // where this one stands among its fellows; empty: unknown

	loop   *loop.Loop
	master *master.Master
	params *cfg.Params
	parent int // where a parent waits for a byte, or -1
	locks  []*master.Lock

	started bool
	stderr  *os.File    // as it was at the start, until the start has succeeded
	again   bool        // another SIGHUP came during a reload
	dying   unix.Signal // 0: not
	status  int         // exit status, once the loop has stopped
	pending *loop.Watch // of the log's descriptor
	hot     *loop.Timer // a reload that waits for its files to cool down
}

// run is the master itself, from the configuration to the end.
func (d *daemon) run() int {
	d.parent = takeMonitor()
	first := 3
	if d.parent >= 0 {
		first++
	}
	if err := loop.CloseOnExecFrom(first); err != nil {
		return d.fatal(err)
	}
	raiseFiles()
	d.programs = programDir()
	if err := d.findConfig(); err != nil {
		return d.fatal(err)
	}
	if d.o.test {
		return d.testLock()
	}
	conf, err := cfg.Load(d.dir, d.prepare)
	if err != nil {
		return d.fatal(err)
	}
	if d.params, err = conf.Main.Params(); err != nil {
		return d.fatal(err)
	}
	if err := d.checkSuperuser(); err != nil {
		return d.fatal(err)
	}
	if err := d.openLog(d.params); err != nil { // first this: it may be what detach leaves
		return d.fatal(err)
	}
	if err := d.detach(); err != nil {
		return d.fatal(err)
	}
	if d.loop, err = loop.New(); err != nil {
		return d.fatal(err)
	}
	d.watchLog()
	d.installSignals()
	d.master, err = master.New(d.loop, d.log, master.Options{
		Debug:   d.o.debug,
		Environ: os.Environ(),
		Hosted:  hosted,
		Group:   unix.Getpgrp() == unix.Getpid(),
	})
	if err != nil {
		return d.fatal(err)
	}
	if d.o.exitAfter >= 0 {
		d.loop.After(d.o.exitAfter, d.exitTime)
	}
	d.sayNotes(conf)
	d.master.Start(conf, d.claim, d.begun)
	if err := d.loop.Run(); err != nil {
		return d.fatal(err)
	}
	d.log.Drain(time.Second)
	if d.dying != 0 && !d.o.init {
		die(d.loop, d.dying)
	}
	return d.status // what the loop holds ends with the process
}

// fatal reports what ends the program before it has begun: in the log, and
// for whoever stands before the terminal.
func (d *daemon) fatal(err error) int {
	stderr := os.Stderr
	if d.stderr != nil {
		stderr = d.stderr
	}
	for _, one := range cfg.All(err) {
		d.log.Fatalf("%v", one)
		fmt.Fprintf(stderr, "%s: fatal: %v\n", d.process, one)
	}
	d.log.Drain(time.Second)
	return 1
}

// findConfig decides where the configuration is.
func (d *daemon) findConfig() error {
	d.dir = d.o.configDir
	if d.dir == "" {
		d.dir = os.Getenv("MAIL_CONFIG")
	}
	if d.dir == "" {
		d.dir = defaultConfigDir
		return nil
	}
	var err error
	if d.dir, err = filepath.Abs(d.dir); err != nil { // we are about to go elsewhere
		return err
	}
	return os.Setenv("MAIL_CONFIG", d.dir)
}

// prepare gives main.cf the defaults that only this process knows.
func (d *daemon) prepare(m *cfg.Main) {
	m.SetDefault("mail_version", version)
	m.SetDefault("config_directory", d.dir)
	m.SetDefault("process_name", d.process)
	m.SetDefault("process_id", strconv.Itoa(os.Getpid()))
	if d.programs != "" {
		m.SetDefault("daemon_directory", d.programs)
	}
	if name, err := os.Hostname(); err == nil {
		m.SetDefault("myhostname", name)
	}
}

// programDir returns the directory of this program, which is where its fellow
// daemons are. Called by a path, a link is not followed: it stands among them.
func programDir() string {
	name := os.Args[0]
	if filepath.Base(name) == name {
		var err error
		if name, err = os.Executable(); err != nil {
			return ""
		}
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return ""
	}
	return dir
}

// checkSuperuser refuses to begin with rights that cannot do, or that
// somebody else has lent.
func (d *daemon) checkSuperuser() error {
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		return errors.New("the master command must not run as a set-uid process")
	}
	if !d.params.Rootless && os.Getuid() != 0 {
		return errors.New("the master command is reserved for the superuser; or set rootless = yes")
	}
	return nil
}

// detach leaves the terminal and makes this process the leader of the group
// that all its daemons are in.
func (d *daemon) detach() error {
	if d.o.debug {
		return nil
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %s", maillog.Strerror(err))
	}
	if fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3); err == nil {
		d.stderr = os.NewFile(uintptr(fd), "stderr")
	}
	keep := [3]bool{
		1: d.o.stdout || d.o.init || d.params.LogTo == "stdout",
		2: d.params.LogTo == "stderr",
	}
	for fd, keep := range keep {
		if !keep && fd != null {
			if err := dup2(null, fd); err != nil {
				return fmt.Errorf("open /dev/null: %s", maillog.Strerror(err))
			}
		}
	}
	if null > 2 {
		unix.Close(null)
	}
	if d.o.init || d.o.debugger {
		return nil
	}
	if _, err := unix.Setsid(); err != nil {
		if sid, _ := unix.Getsid(0); sid != unix.Getpid() {
			return fmt.Errorf("unable to set session and process group ID: %s", maillog.Strerror(err))
		}
	}
	return nil
}

// begun goes on when the first configuration is in service, or ends.
func (d *daemon) begun(err error) {
	if err != nil {
		d.status = d.fatal(err)
		d.loop.Stop()
		return
	}
	d.started = true
	_ = d.stderr.Close() // nil if it was never left
	d.stderr = nil
	d.params = d.master.Params()
	d.log.Infof("daemon started -- version %s, configuration %s", d.params.MailVersion, d.dir)
	if d.parent >= 0 {
		// A parent that has given up is no reason to give up, too.
		_, _ = unix.Write(d.parent, []byte{0})
		unix.Close(d.parent)
		d.parent = -1
	}
	d.watchLoop()
	if d.again {
		d.again = false
		d.reload()
	}
}

// sayNotes logs what was noticed in a configuration.
func (d *daemon) sayNotes(conf *cfg.Config) {
	for _, n := range conf.Notes {
		switch n.Severity {
		case cfg.Info:
			d.log.Infof("%s", n.Text)
		case cfg.Warning:
			d.log.Warnf("%s", n.Text)
		}
	}
}

// exitTime is -e: the processes see the end of their status channels.
func (d *daemon) exitTime() {
	d.log.Infof("master exit time has arrived")
	d.loop.Stop()
}
