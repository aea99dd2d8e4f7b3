// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/cmd/internal/builtin"
	"postloop/loop"
	"postloop/master"
	"postloop/master/handover"
	"postloop/master/logloop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

const (
	// upgradeEnv tells a program that it takes the place of another. It never
	// reaches a service.
	upgradeEnv = "POSTLOOP_UPGRADE"
	// upgradeWhyEnv tells a program that comes back why the other one did not stay.
	upgradeWhyEnv = "POSTLOOP_UPGRADE_WHY"
	// rehearsalFD is where a rehearsal finds a copy of the state.
	rehearsalFD = 3
	// successTime bounds what a program has between its start and the first turn
	// of its life as a master.
	successTime = 20 * time.Second
)

// legacy is what a former program in this process has left.
type legacy struct {
	st    *handover.State
	fd    int    // of the state
	back  int    // the former program's executable; -1: it is this one, come back
	why   string // it has come back
	taken bool   // there is no way back any more

	fds  []int         // that were left open
	time time.Duration // for taking over
}

// verdict is what a rehearsal says on its standard output.
type verdict struct {
	State   int      `json:"state"`   // version of the state that it knows
	Program string   `json:"program"` // version
	OK      bool     `json:"ok"`
	Errors  []string `json:"errors"`
}

// takeLegacy returns what a former program has left, nil if there was none, and
// removes the trace of it from the environment.
func takeLegacy() *legacy {
	text, set := os.LookupEnv(upgradeEnv)
	l := &legacy{why: os.Getenv(upgradeWhyEnv), time: successTime}
	_ = os.Unsetenv(upgradeEnv)
	_ = os.Unsetenv(upgradeWhyEnv)
	if n, err := fmt.Sscanf(text, "%d %d", &l.fd, &l.back); !set || err != nil || n != 2 {
		return nil
	}
	return l
}

// hold takes note of the descriptors that were left open, which the former
// program has to have again if it comes to that, and keeps them from the children
// that this one starts in the meantime.
func (l *legacy) hold() (err error) {
	if l.fds, err = loop.Inheritable(3); err != nil {
		return err
	}
	return loop.CloseOnExecFrom(3)
}

// readState reads it from the beginning, whoever has read it before.
func readState(fd int) (*handover.State, error) {
	var text []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Pread(fd, buf, int64(len(text)))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, fmt.Errorf("state: %s", maillog.Strerror(err))
		case n == 0:
			return handover.Decode(text)
		default:
			text = append(text, buf[:n]...)
		}
	}
}

// succeed is run for a program that takes the place of another. Whatever goes
// wrong before all is taken over, a bug included, the other gets its place back.
func (d *daemon) succeed() (status int) {
	raiseFiles()
	d.takeNotify()
	l := d.legacy
	if l.back < 0 { // it was executed by another name than its own
		_ = os.WriteFile("/proc/self/comm", []byte(d.process), 0)
	}
	defer func() {
		if l.taken {
			return
		}
		if r := recover(); r != nil {
			status = d.giveBack(fmt.Errorf("panic: %v", r))
		}
	}()
	if err := l.hold(); err != nil {
		return d.giveBack(err)
	}
	conf, err := d.inherit(l.fd)
	if err != nil {
		return d.giveBack(err)
	}
	switch err := d.openLog(d.params); {
	case err != nil && l.back < 0: // it had the file open: that it is gone is no reason to end
		d.log.Errorf("%v -- lines go to the default place until the next reload", err)
	case err != nil:
		return d.giveBack(err)
	}
	if err := d.newMaster(); err != nil {
		return d.giveBack(err)
	}
	d.openHardware() // not later: it must not go hungry while names are looked up
	d.master.Inherit(l.st)
	limit := d.loop.After(l.time, func() { d.refused(fmt.Errorf("it has not come up within %s", l.time)) })
	d.master.Start(conf, d.sameParams, func(err error) {
		limit.Stop()
		if err != nil {
			d.refused(err)
			return
		}
		d.succeeded()
	})
	return d.live()
}

// refused ends the loop of a program that gives its place back.
func (d *daemon) refused(err error) {
	if d.failed == nil {
		d.failed = err
	}
	d.loop.Stop()
}

// inherit reads the state, and the configuration in it.
func (d *daemon) inherit(fd int) (*cfg.Config, error) {
	st, err := readState(fd)
	if err != nil {
		return nil, err
	}
	d.legacy.st = st
	d.self, d.programs, d.dir = st.Program.Self, st.Program.Dir, st.Config.Dir
	if d.legacy.back < 0 {
		d.self = st.Program.Former
	}
	source := cfg.Source{Dir: st.Config.Dir, Files: st.Config.Files}
	conf, err := source.Load(d.prepare)
	if err != nil {
		return nil, err
	}
	d.params, d.sum = conf.Params, conf.Sum()
	return conf, d.checkSuperuser()
}

// sameParams refuses to go on elsewhere: the locks are where they are. The
// text of the configuration is the same, but this program may have other
// defaults.
func (d *daemon) sameParams(p *cfg.Params, _ master.Ids) error {
	if d.failed != nil { // in this very turn
		return d.failed
	}
	was := d.legacy.st.Program
	for _, one := range []struct{ name, old, now string }{
		{"queue_directory", was.Queue, p.QueueDirectory},
		{"data_directory", was.Data, p.DataDirectory},
		{"rootless", fmt.Sprint(was.Rootless), fmt.Sprint(p.Rootless)},
	} {
		if one.old != one.now {
			return fmt.Errorf("parameter %s is %q for this program, and was %q: stop and start the master instead", one.name, one.now, one.old)
		}
	}
	return nil
}

// succeeded goes on where the former program was.
func (d *daemon) succeeded() {
	l := d.legacy
	l.taken = true
	d.started = true
	unix.Close(l.fd)
	if l.back >= 0 {
		unix.Close(l.back)
	}
	for _, one := range l.st.Program.Locks {
		d.locks = append(d.locks, master.AdoptLock(one.Path, one.FD))
	}
	d.params = d.master.Params()
	d.installSignals() // not before: what has ended would have been taken for orphans
	answer := func(string, error) {}
	if l.st.Control != nil {
		c, a, err := d.master.AdoptControl(l.st.Control, d.operator())
		if err != nil {
			d.log.Warnf("%v -- running without it", err)
		} else {
			d.control, answer = c, a
		}
	}
	if l.why != "" {
		d.log.Errorf("upgrade refused after the start: %s -- the former program goes on", l.why)
		answer("", errors.New(l.why+" -- the former program has its place back, and goes on"))
	} else {
		text := fmt.Sprintf("upgraded to %s, version %s; %d process(es) and %d service(s) taken over",
			d.self, d.params.MailVersion, len(d.loop.ChildPids()), len(l.st.Services))
		d.log.Infof("%s", text)
		answer(text, nil)
	}
	d.legacy = nil
	d.adoptOrphans()
	d.openHardware()
	d.tellReady("")
	d.watchLoop()
	loop.ReserveThreads()
	d.loop.Later(d.loop.UnblockSignals)
	if d.again {
		d.again = false
		d.loop.Later(d.reload)
	}
}

// giveBack has the former program take its place again, with the state as it
// was left. It does not return, if that goes well.
func (d *daemon) giveBack(why error) int {
	l := d.legacy
	args := os.Args
	if l.st == nil { // it is the end if it cannot be read
		l.st, _ = readState(l.fd)
	}
	if l.st != nil && len(l.st.Program.Args) > 0 {
		args = l.st.Program.Args
	}
	if l.back < 0 {
		return d.fatal(fmt.Errorf("back from an upgrade that has failed (%s): %w", l.why, why))
	}
	keep := slices.DeleteFunc(l.fds, func(fd int) bool {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err != nil || fd == l.back
	})
	unix.CloseOnExec(l.back) // it has been opened when that counts
	env := append(os.Environ(), d.herald.environ...)
	env = append(env, fmt.Sprintf("%s=%d -1", upgradeEnv, l.fd), upgradeWhyEnv+"="+inShort(why))
	if err := loop.Become(fmt.Sprintf("/proc/self/fd/%d", l.back), args, env, keep); err != nil {
		return d.fatal(fmt.Errorf("upgrade: %w; and back: %s", why, maillog.Strerror(err)))
	}
	return 1 // not reached
}

// inShort is what of a reason a variable of the environment can hold.
func inShort(why error) string {
	text := strings.NewReplacer("\x00", "", "\n", "; ").Replace(why.Error())
	return fmt.Sprintf("%.1000s", text)
}

// rehearse is -u: it finds out whether this program could take the place of the
// one that has started it, and touches nothing.
func (d *daemon) rehearse() int {
	v := verdict{State: handover.Version, Program: master.Version}
	d.legacy = &legacy{fd: rehearsalFD}
	err := loop.CloseOnExecFrom(rehearsalFD) // it has the whole configuration in it
	if err == nil {
		err = d.try()
	}
	v.OK = err == nil
	for _, one := range master.Errors(err) {
		if len(v.Errors) < 20 { // the pipe has room for so much
			v.Errors = append(v.Errors, fmt.Sprintf("%.500s", one.String()))
		}
	}
	text, _ := json.Marshal(v)
	if _, err := os.Stdout.Write(append(text, '\n')); err != nil || !v.OK {
		return 1
	}
	return 0
}

var errRehearsed = errors.New("all is well")

// try does all that a program in another's place does, up to what would change
// anything.
func (d *daemon) try() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	conf, err := d.inherit(rehearsalFD)
	if err != nil {
		return err
	}
	if err := d.tryLog(); err != nil {
		return err
	}
	if d.loop, err = loop.New(); err != nil {
		return err
	}
	m, err := master.New(d.loop, d.log, d.masterOptions())
	if err != nil {
		return err
	}
	m.Inherit(d.legacy.st)
	m.Start(conf, func(p *cfg.Params, ids master.Ids) error {
		if err := d.sameParams(p, ids); err != nil {
			return err
		}
		return errRehearsed
	}, func(end error) {
		err = end
		d.loop.Stop()
	})
	if runErr := d.loop.Run(); runErr != nil {
		return runErr
	}
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// tryLog opens the log, for which a file is made if there is none, and writes
// nothing.
func (d *daemon) tryLog() error {
	log := maillog.New(d.process)
	defer log.Close()
	return log.Open(logloop.Dest(d.params))
}

// newMaster makes the loop and the master on it.
func (d *daemon) newMaster() (err error) {
	if d.loop, err = loop.New(); err != nil {
		return err
	}
	d.startLog()
	if d.legacy == nil { // or they wait until it is known who answers them
		d.installSignals()
	}
	d.startHerald()
	d.master, err = master.New(d.loop, d.log, d.masterOptions())
	if err == nil && d.o.exitAfter >= 0 {
		d.loop.After(d.exitLeft(), d.exitTime)
	}
	return err
}

// exitLeft is what is left of -e.
func (d *daemon) exitLeft() time.Duration {
	if d.legacy == nil {
		return d.o.exitAfter
	}
	return d.o.exitAfter - d.loop.Now().Sub(d.legacy.st.Born)
}

func (d *daemon) masterOptions() master.Options {
	return master.Options{
		Debug:   d.o.debug,
		Environ: os.Environ(),
		Hosted:  builtin.Services,
		Exposed: builtin.Exposed,
		Group:   unix.Getpgrp() == unix.Getpid(),
		Changed: d.herald.changes(),
		Sockets: inheritedSockets(d.sockets),
	}
}

// selfPath is where this program's executable is, as it was called: what is
// there later is its successor.
func selfPath() string {
	name := os.Args[0]
	if filepath.Base(name) == name {
		var err error
		if name, err = os.Executable(); err != nil {
			return ""
		}
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return ""
	}
	return path
}
