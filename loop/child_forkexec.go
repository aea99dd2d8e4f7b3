// SPDX-License-Identifier: ISC

package loop

import (
	"cmp"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// starter is what Spawn asks of the system: a new process running c. pidfd is
// -1 where there is no such thing. Everything that a way of starting must see
// to is said at Cmd and Spawn.
type starter interface {
	start(c *Cmd) (pid, pidfd int, err error)
	confines() bool // what a Cmd takes from a child can be taken
	close()
}

// forkExec starts processes with the standard library's fork and exec.
type forkExec struct{}

// namePid is what a shell does to have $0 be a variable with its own process
// number, which it keeps when it becomes the program.
const namePid = `export "$0=$$"; exec "$@"`

// notBorn is what a pidfd is before there was a child to have one.
const notBorn = -2

func (forkExec) confines() bool { return false }
func (forkExec) close()         {}

func (forkExec) start(c *Cmd) (pid, pidfd int, err error) {
	if c.confined() {
		return 0, -1, errConfine(c)
	}
	if c.PidEnv != "" {
		named := *c
		named.Path, named.Args = "/bin/sh", append([]string{"sh", "-c", namePid, c.PidEnv, c.Path}, c.Args[min(1, len(c.Args)):]...)
		c = &named
	}
	unblockSignals()
	files := make([]uintptr, len(c.Files))
	for i, fd := range c.Files {
		files[i] = uintptr(fd)
	}
	pidfd = notBorn
	pid, err = syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: files,
		Sys:   withPidfd(sysProcAttr(c), &pidfd),
	})
	switch {
	case err == nil:
		return pid, max(pidfd, -1), nil
	case wasBorn(pidfd, err), errors.Is(err, unix.EINVAL): // EINVAL: a NUL in a string
		return 0, -1, stillborn(c, "", 0, err)
	default:
		return 0, -1, os.NewSyscallError("fork", err)
	}
}

// stillborn is the error of a child that could not be set up. Where it is for
// want of something, as execve(2) fails for a user who has too many processes,
// it is nothing that the program has to do with.
func stillborn(c *Cmd, step string, pid int, err error) error {
	if isShortage(err) || errors.Is(err, unix.EAGAIN) {
		return os.NewSyscallError(cmp.Or(step, "fork"), err)
	}
	return &ExecError{Path: c.Path, Step: step, Pid: pid, Err: err}
}

// errConfine says that c asks for what only a script of system calls can do.
func errConfine(c *Cmd) error {
	return &ExecError{Path: c.Path, Step: "confine", Err: unix.ENOSYS}
}

// sysProcAttr is what c asks for besides a program, in the standard library's
// words.
func sysProcAttr(c *Cmd) *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Setsid: c.Session, Chroot: c.Root}
	if u := c.User; u != nil {
		sys.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
		for _, g := range u.Groups {
			sys.Credential.Groups = append(sys.Credential.Groups, uint32(g))
		}
	}
	return sys
}
