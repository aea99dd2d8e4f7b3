// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Service runs the command for clients that somebody else accepts on the same
// loop: a master that hosts it, or the skeleton of a daemon.
type Service struct {
	loop    *loop.Loop
	log     *maillog.Logger
	c       *Config
	cmd     loop.Cmd // but for its files
	running map[*command]struct{}
	ending  bool // Shutdown has signalled the commands
}

// command is a running one.
type command struct {
	s     *Service
	done  func()
	pid   int
	timer *loop.Timer
}

// New returns a service that is ready for its first client.
func New(l *loop.Loop, log *maillog.Logger, c *Config) *Service {
	s := &Service{loop: l, log: log, c: c, running: map[*command]struct{}{}}
	s.cmd = loop.Cmd{Path: c.Path, Args: c.Argv, Env: c.Env, Session: true, Root: c.Chroot}
	if c.UID >= 0 {
		// One group: the supplementary groups of the user are not for a
		// command that strangers talk to.
		s.cmd.User = &loop.User{UID: c.UID, GID: c.GID, Groups: []int{c.GID}}
	}
	if c.Chroot != "" {
		s.cmd.Dir = "/"
	}
	return s
}

// Accepted runs the command for the client on fd, and closes fd here. done is
// called once when the command has ended. An error says that no process could
// be made: fd is then as it was, and the caller's, and done is forgotten.
func (s *Service) Accepted(fd int, _ loop.Peer, done func()) error {
	run := &command{s: s, done: done}
	cmd := s.cmd
	cmd.Files = []int{fd, fd, fd}
	pid, err := s.start(&cmd, run.exited)
	if errors.Is(err, unix.ENOEXEC) { // execvp(3) takes it for a script
		cmd.Path, cmd.Args = shell, append([]string{shell, cmd.Path}, cmd.Args[1:]...)
		pid, err = s.start(&cmd, run.exited)
	}
	var exec *loop.ExecError
	switch {
	case errors.As(err, &exec):
		unix.Close(fd)
		s.log.Fatalf("spawn_comand: execvp %s: %s", s.c.Argv[0], maillog.Strerror(exec.Err))
		s.log.Warnf("command %s exit status 1", s.c.Argv[0])
		done()
		return nil
	case err != nil:
		return err
	}
	unix.Close(fd)
	run.pid = pid
	run.timer = s.loop.After(s.c.TimeLimit, run.expired)
	s.running[run] = struct{}{}
	return nil
}

// shell runs what can be executed but has no form that the system knows.
const shell = "/bin/sh"

// start makes the process, with the rights that it takes.
func (s *Service) start(cmd *loop.Cmd, exited func(loop.Exit)) (pid int, err error) {
	err = s.asRoot(func() error {
		pid, err = s.loop.Spawn(cmd, exited)
		return err
	})
	return pid, err
}

func (s *Service) asRoot(f func() error) error {
	if s.c.AsRoot == nil {
		return f()
	}
	return s.c.AsRoot(f)
}

// exited takes the end of a command. Only an abnormal one is worth a line.
func (run *command) exited(e loop.Exit) {
	s := run.s
	run.timer.Stop()
	delete(s.running, run)
	switch st := e.Status; {
	case st.Signaled():
		if s.ending && (st.Signal() == unix.SIGTERM || st.Signal() == unix.SIGKILL) {
			break // as they were told
		}
		s.log.Warnf("command %s killed by signal %d", s.c.Argv[0], st.Signal())
	case st.ExitStatus() != 0:
		s.log.Warnf("command %s exit status %d", s.c.Argv[0], st.ExitStatus())
	}
	run.done()
}

// expired ends a command that has used up its time, with all of its process
// group, so that nobody holds the client's connection any more.
func (run *command) expired() {
	run.s.log.Warnf("%s: process id %d: command time limit exceeded", run.s.c.Argv[0], run.pid)
	run.signal(unix.SIGKILL)
}

// signal sends sig to the command's process group, which has the number of
// the command since that began with a session of its own.
func (run *command) signal(sig unix.Signal) {
	err := run.s.asRoot(func() error {
		if unix.Kill(-run.pid, sig) == nil {
			return nil
		}
		// Not in its group yet, or no longer: the process itself is not reaped.
		return unix.Kill(run.pid, sig)
	})
	if err != nil {
		run.s.log.Warnf("parent: kill: %s", maillog.Strerror(err))
	}
}

// Shutdown ends all commands: with a chance to finish, or at once if force.
func (s *Service) Shutdown(force bool) {
	s.ending = true
	sig := unix.SIGTERM
	if force {
		sig = unix.SIGKILL
	}
	for run := range s.running {
		run.signal(sig)
	}
}
