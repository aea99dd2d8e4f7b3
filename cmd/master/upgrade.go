// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/handover"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// rehearsalTime is how long a program may take to say whether it could be the
// master.
const rehearsalTime = 10 * time.Second

// upgrade is another program on its way to this one's place: it is tried first,
// in a process of its own, then this one is replaced. docs/upgrade.md has the
// why.
type upgrade struct {
	d       *daemon
	program string
	done    func(error)
	pid     int
	out     int // of the rehearsal
	timer   *loop.Timer
	late    bool
	ready   bool // the rehearsal has gone well: the loop has been stopped for the change
}

// upgradeFor begins an upgrade, for an operator or a signal. done is called when
// it has failed.
func (d *daemon) upgradeFor(program string, done func(error)) {
	refuse := func(err error) {
		d.log.Warnf("upgrade refused: %v", err)
		done(err)
	}
	switch {
	case d.ending:
		refuse(errEnding)
		return
	case d.upgrade != nil:
		done(errors.New("another upgrade is under way"))
		return
	case !d.started || d.master.Busy() || d.hot != nil:
		refuse(errors.New("a configuration is on its way; try again when it is in force"))
		return
	}
	u := &upgrade{d: d, program: program, done: done, out: -1}
	if u.program == "" {
		u.program = d.self
	}
	if err := u.begin(); err != nil {
		refuse(err)
		return
	}
	d.upgrade = u
	d.log.Infof("upgrade to %s: rehearsal, pid %d", u.program, u.pid)
}

// begin starts the rehearsal.
func (u *upgrade) begin() error {
	d := u.d
	if !filepath.IsAbs(u.program) {
		return fmt.Errorf("%q: specify the whole path of a program", u.program)
	}
	if err := unix.Access(u.program, unix.X_OK); err != nil {
		return fmt.Errorf("%s: %s", u.program, maillog.Strerror(err))
	}
	st, err := d.state(u.program)
	if err != nil {
		return err
	}
	fd, err := stateFile(st)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return fmt.Errorf("pipe: %s", maillog.Strerror(err))
	}
	unix.CloseOnExec(pipe[0])
	unix.CloseOnExec(pipe[1])
	_ = unix.SetNonblock(pipe[0], true) // who has the other end may be there still when it is read
	defer unix.Close(pipe[1])
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(pipe[0])
		return fmt.Errorf("open /dev/null: %s", maillog.Strerror(err))
	}
	defer unix.Close(null)
	u.pid, err = d.loop.Spawn(&loop.Cmd{
		Path: u.program, Args: append([]string{u.program, "-u"}, d.args[1:]...), Env: os.Environ(),
		Files: []int{null, pipe[1], null, fd}, Session: true,
	}, u.rehearsed)
	if err != nil {
		unix.Close(pipe[0])
		return err
	}
	u.out = pipe[0]
	u.timer = d.loop.After(rehearsalTime, u.expired)
	return nil
}

// expired ends a rehearsal that does not end.
func (u *upgrade) expired() {
	u.late = true
	_ = unix.Kill(-u.pid, unix.SIGKILL)
}

// abandon ends a rehearsal that nobody waits for any more.
func (u *upgrade) abandon() {
	if u != nil && !u.ready {
		_ = unix.Kill(-u.pid, unix.SIGKILL)
	}
}

// rehearsed takes the end of the rehearsal, and goes on if all is well.
func (u *upgrade) rehearsed(e loop.Exit) {
	d := u.d
	u.timer.Stop()
	var buf [64 << 10]byte
	n, _ := unix.Read(u.out, buf[:])
	unix.Close(u.out)
	if d.ending {
		d.upgrade = nil
		u.done(errEnding)
		return
	}
	if err := u.judge(e, buf[:max(n, 0)]); err != nil {
		u.fail(err)
		return
	}
	u.ready = true
	d.loop.Stop() // between two turns nothing is half done
}

// judge makes an error of what the rehearsal has said, if it is not "yes".
func (u *upgrade) judge(e loop.Exit, said []byte) error {
	var v verdict
	known := json.Unmarshal(said, &v) == nil && v.State != 0
	switch {
	case u.late:
		return fmt.Errorf("%s has not said within %s whether it can take over", u.program, rehearsalTime)
	case known && len(v.Errors) > 0:
		return fmt.Errorf("%s cannot take over: %s", u.program, strings.Join(v.Errors, "; "))
	case e.Status.Signaled():
		return fmt.Errorf("%s cannot take over: its rehearsal was killed by signal %d", u.program, e.Status.Signal())
	case e.Status.ExitStatus() != 0:
		return fmt.Errorf("%s cannot take over: its rehearsal ended with status %d", u.program, e.Status.ExitStatus())
	case !known || !v.OK || v.State != handover.Version:
		return fmt.Errorf("%s cannot take over: it is no master that knows of upgrades", u.program)
	}
	return nil
}

// fail ends an upgrade that does not come about.
func (u *upgrade) fail(err error) {
	u.d.upgrade = nil
	u.d.log.Warnf("upgrade refused: %v -- everything that ran keeps running", err)
	u.done(err)
}

// replace puts the program in this one's place. It returns when that cannot
// be, and everything goes on.
func (u *upgrade) replace() {
	u.d.log.Infof("upgrade to %s: it takes over", u.program)
	err := u.become()
	for range 100 { // whoever sends more signals has to wait for an upgrade
		if !errors.Is(err, loop.ErrSignal) {
			break
		}
		err = u.become()
	}
	u.fail(err)
}

func (u *upgrade) become() error {
	d := u.d
	if err := d.settle(); err != nil {
		return err
	}
	st, err := d.state(u.program)
	if err != nil {
		return err
	}
	back, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("no way back: open /proc/self/exe: %s", maillog.Strerror(err))
	}
	defer unix.Close(back)
	fd, err := stateFile(st)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	d.log.Drain(time.Second)
	d.feedBefore()
	env := append(os.Environ(), d.herald.environ...)
	env = append(env, fmt.Sprintf("%s=%d %d", upgradeEnv, fd, back))
	err = d.loop.Become(u.program, d.args, env, append(st.FDs(), fd, back))
	if errors.Is(err, loop.ErrSignal) {
		return err
	}
	return fmt.Errorf("exec %s: %s", u.program, maillog.Strerror(err))
}

// settle takes turns until nothing is left that has been learnt and not told.
func (d *daemon) settle() error {
	for range 1000 {
		if err := d.loop.Turn(0); err != nil {
			return err
		}
		if d.ending || d.master.Busy() || d.hot != nil || !d.started {
			return errors.New("something else came in between")
		}
		if d.loop.Reported() {
			return nil
		}
	}
	return errors.New("the loop does not come to rest")
}

// state is all that another program in this one's place has to know.
func (d *daemon) state(program string) (*handover.State, error) {
	source, err := cfg.ReadSource(d.dir)
	if err != nil {
		return nil, err
	}
	if source.Sum() != d.sum {
		return nil, errors.New("the configuration files have changed since they were read; reload first")
	}
	st := &handover.State{Config: handover.Config{Dir: source.Dir, Files: source.Files}, Control: d.control.HandOver()}
	st.Program.Self, st.Program.Former, st.Program.Dir, st.Program.Args = program, d.self, d.programs, d.args
	for _, l := range d.locks {
		path, fd := l.Place()
		st.Program.Locks = append(st.Program.Locks, handover.Lock{Path: path, FD: fd})
	}
	return st, d.master.HandOver(st)
}
