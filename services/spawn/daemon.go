// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"
	"fmt"
	"os"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/ids"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/services/skeleton"
)

// Program is the daemon spawn: one command at a time in a process of its own.
func Program() skeleton.Options {
	return skeleton.Options{
		Transports: []cfg.Type{cfg.Inet, cfg.Unix, cfg.Pass},
		Privileged: true,
		Check:      checkProgram,
		Start:      startProgram,
	}
}

// checkProgram looks at the default of all time limits.
func checkProgram(d *skeleton.Daemon) error {
	_, err := d.Main.Time("command_time_limit")
	return err
}

// program is the service of the daemon. What it is to do is found out when the
// first client comes, as with Postfix's: an entry with an error is looked at
// by those who use it.
type program struct {
	d *skeleton.Daemon
	s *Service // nil: no client has come yet
}

// startProgram leaves to the mail owner whatever does not take root: only a
// command's start and its end do.
func startProgram(d *skeleton.Daemon) (skeleton.Service, error) {
	owner := ids.Pair{UID: d.Owner.UID, GID: d.Owner.GID}
	if err := owner.Lower(); err != nil {
		return nil, fmt.Errorf("set_eugid: euid %d egid %d: %s", owner.UID, owner.GID, maillog.Strerror(err))
	}
	return &program{d: d}, nil
}

// Accepted runs the command for a client. The first one may have to wait until
// a name has been looked up.
func (p *program) Accepted(fd int, peer loop.Peer) {
	if p.s == nil {
		c, err := p.parse()
		if errors.Is(err, names.ErrPending) {
			p.d.Names.Resolve(p.d.Loop, func() { p.Accepted(fd, peer) })
			return
		}
		if err != nil {
			p.d.Fatal(err)
			return
		}
		p.s = New(p.d.Loop, p.d.Log, c)
	}
	err := p.s.Accepted(fd, peer, p.d.Done)
	var call *os.SyscallError
	switch {
	case err == nil:
	case errors.As(err, &call) && call.Syscall == "exec":
		// There was a process, whose user may have no more of them: its end,
		// not ours, and no reason for master to throttle the service.
		_ = p.s.stillborn(fd, p.d.Done, &loop.ExecError{Err: call.Err})
	default:
		p.d.Fatalf("fork: %s", maillog.Strerror(err))
	}
}

func (p *program) parse() (*Config, error) {
	d := p.d
	c, err := Parse(Setup{
		Service: &cfg.Service{Name: d.Name, Args: d.Args}, Daemon: true,
		Main: d.Main, Params: d.Params, Environ: os.Environ(), Confines: d.Loop.Confines(),
		User: func(name string) (uid, gid int, err error) {
			u, err := d.Names.User(name)
			return u.UID, u.GID, err
		},
		Group: func(name string) (gid int, err error) {
			g, err := d.Names.Group(name)
			return g.GID, err
		},
		Wait: func(err error) bool { return errors.Is(err, names.ErrPending) },
	})
	if err == nil && !d.Params.Rootless {
		c.AsRoot = ids.AsRoot
	}
	return c, err
}
