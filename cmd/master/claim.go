// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"postloop/cfg"
	"postloop/master"
	"postloop/master/ids"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// claim makes this process the one master of its queue and data directories.
// It runs before the first endpoint is opened.
func (d *daemon) claim(p *cfg.Params, owner master.Ids) error {
	if p.Rootless {
		if err := makeState(p.QueueDirectory); err != nil {
			return err
		}
	}
	if err := os.Chdir(p.QueueDirectory); err != nil {
		return fmt.Errorf("chdir %s: %s", p.QueueDirectory, maillog.Strerror(err))
	}
	if err := d.lock(d.pidFile(), master.Ids{}); err != nil {
		return err
	}
	if !p.Rootless { // without root there is no mail owner's directory
		if err := ids.DropGroups(); err != nil {
			return err
		}
		if err := d.lock(p.DataDirectory+"/"+d.process+".lock", owner); err != nil {
			return err
		}
	}
	if d.o.debugger {
		return d.runDebugger(p)
	}
	return nil
}

// pidFile is where the number of the running master is, from the queue
// directory.
func (d *daemon) pidFile() string { return "pid/" + d.process + ".pid" }

// makeState makes what Postfix's installation makes elsewhere. As there, who
// can reach a service is for the directory of its socket to say: public ones
// are for everybody, others for the user of this master.
func makeState(queue string) error {
	if err := os.MkdirAll(filepath.Dir(queue), 0o755); err != nil {
		return err
	}
	for _, d := range []struct {
		dir  string
		mode os.FileMode
	}{{"", 0o755}, {"/pid", 0o700}, {"/public", 0o755}, {"/private", 0o700}} {
		err := os.Mkdir(queue+d.dir, d.mode)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Chmod(queue+d.dir, d.mode) // the umask is not for these
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lock takes the lock file at path for as long as this process lives.
func (d *daemon) lock(path string, owner master.Ids) error {
	l, err := master.OpenLock(path, owner)
	if err == nil {
		err = l.WritePid(os.Getpid())
	}
	if err != nil {
		return err
	}
	d.locks = append(d.locks, l)
	return nil
}

// testLock is -t: it exits with 0 if no master runs here, and changes nothing.
// A broken master.cf is no reason to say that one does.
func (d *daemon) testLock() int {
	main, err := cfg.LoadMain(d.dir, d.prepare)
	if err != nil {
		return d.fatal(err)
	}
	p, err := main.Params()
	if err != nil {
		return d.fatal(err)
	}
	switch err := os.Chdir(p.QueueDirectory); {
	case p.Rootless && errors.Is(err, fs.ErrNotExist):
		return 0 // the first start makes it
	case err != nil:
		return d.fatal(fmt.Errorf("chdir %s: %s", p.QueueDirectory, maillog.Strerror(err)))
	}
	running, err := master.TestLock(d.pidFile())
	if err != nil {
		return d.fatal(err)
	}
	if running {
		return 1
	}
	return 0
}

// runDebugger is -D: the operator's command for this process, run to its end
// as by system(3). It usually leaves a debugger in the background.
func (d *daemon) runDebugger(p *cfg.Params) error {
	if p.DebuggerCommand == "" {
		return errors.New("no debugger_command variable set up")
	}
	d.log.Infof("running: %s", p.DebuggerCommand)
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", p.DebuggerCommand}, &syscall.ProcAttr{
		Env: cfg.CleanEnv(os.Environ(), p.ImportEnvironment), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return fmt.Errorf("debugger_command: %w", err)
	}
	for {
		// Nothing runs on the loop yet that could be kept waiting.
		if _, err := unix.Wait4(pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return nil
		}
	}
}
