// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postloop/cfg"
	"postloop/master"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

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
func (d *daemon) prepare(m *cfg.Main) { master.Prepare(m, d.process, d.programs) }

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
