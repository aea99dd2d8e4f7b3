// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"os"
	"slices"
	"strings"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// What is said when no qmail-local can be had.
const (
	noPipe         = "Zqmail-spawn unable to create pipe. (#4.3.0)\n"
	noFork         = "Zqmail-spawn unable to fork. (#4.3.0)\n"
	noForkIndiMail = "Zqmail-spawn unable to fork or out of mem. (#4.3.0)\n"
)

// run starts qmail-local for an account.
func (d *delivery) run(a account) {
	s := d.s
	p := &process{l: s.loop, buf: s.buf, said: d.output.add, ended: d.ended, held: s.c.Held}
	w, err := p.open()
	if err != nil {
		d.report(noPipe)
		return
	}
	cmd := &s.cmd
	cmd.Args = append(cmd.Args[:0], s.c.LocalName, "--", a.user, a.home, d.local, a.dash, a.ext, d.host, d.c.Sender, s.c.Default)
	if s.c.Protocol == IndiMail {
		cmd.Args = append(cmd.Args, d.c.QQEH)
	}
	s.env = append(appendHeader(append(s.env[:0], s.c.Env...), d.c.EnvH), "MESSID="+d.c.Messid)
	for _, entry := range d.env {
		s.env = set(s.env, entry)
	}
	cmd.Env = s.env
	cmd.Files[0], cmd.Files[1], cmd.Files[2] = d.message, w, w
	cmd.User = s.c.become(a)
	if err := p.start(cmd, w); err != nil {
		d.report(s.c.unstarted(err, a.user))
		return
	}
	d.to(running)
	d.closeMessage()
	d.c = Command{Number: strings.Clone(d.c.Number)} // or all of it would stay
	d.local, d.host, d.env, d.names = "", "", nil, nil
}

// ended turns the end of qmail-local into the report.
func (d *delivery) ended(status unix.WaitStatus) {
	d.report(d.s.c.Protocol.verdict(status, d.output.cut()))
}

// become returns whom a child is to run as; nobody else, when this process is
// not root's and is that user already.
func (c *Config) become(a account) *loop.User {
	if c.Self != nil && a.uid == c.Self.UID && a.gid == c.Self.GID {
		return nil
	}
	groups := a.groups
	if groups == nil {
		groups = []int{a.gid}
	}
	return &loop.User{UID: a.uid, GID: a.gid, Groups: groups}
}

// unstarted is the report on a qmail-local that could not be made, or not made
// what it was to be.
func (c *Config) unstarted(err error, user string) string {
	var call *os.SyscallError
	var exec *loop.ExecError
	step, p := "", c.Protocol
	switch {
	case errors.As(err, &exec):
		if step = exec.Step; step == "" {
			step = c.guess(err)
		}
	case errors.As(err, &call):
		step = call.Syscall
	}
	switch step {
	case "exec":
		if isSoft(err) {
			return execSoft
		}
		return execHard
	case "chdir":
		if p == IndiMail {
			return noRootDir
		}
		return ownBug
	case "setgroups", "setresgid", "setresuid":
		return p.wrongIDs(user)
	}
	if exec != nil {
		return ownBug
	}
	if p == IndiMail {
		return noForkIndiMail
	}
	return noFork
}

// guess returns the step that is to blame for err, where the system does not
// tell. Rather one that mail waits for than one that sends it back.
func (c *Config) guess(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL):
		return "setgroups"
	case unix.Access(c.Dir, unix.X_OK) != nil:
		return "chdir"
	}
	return "exec"
}

// wrongIDs is the report on a user who this process cannot be.
func (p Protocol) wrongIDs(user string) string {
	if p == IndiMail {
		return "ZUnable to set proper uid, gid for " + user + ".\n"
	}
	return ownBug
}

// isSoft reports whether an error may be gone the next time.
func isSoft(err error) bool {
	var no unix.Errno
	return errors.As(err, &no) && slices.Contains(soft, no)
}
