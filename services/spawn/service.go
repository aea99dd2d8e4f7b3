// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"
	"time"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// shell runs what can be executed but has no form that the system knows.
const shell = "/bin/sh"

// Service runs the command for clients that somebody else accepts on the same
// loop: a master that hosts it, or the skeleton of a daemon.
type Service struct {
	loop    *loop.Loop
	log     *maillog.Logger
	c       *Config
	room    *room    // nil until the first client: there may be thousands of services
	running *command // the youngest; the others hang on it
	spare   *command // some that have ended, to be used again
	spares  int
	ending  bool // Shutdown has signalled the commands
}

// room is where the next command is put together.
type room struct {
	cmd   loop.Cmd
	files [3]int
	env   []string // of a command that is told who its client is
}

// command is a running one.
type command struct {
	s              *Service
	done           func()
	pid            int
	timer          *loop.Timer
	exited         func(loop.Exit)
	older, younger *command
}

// maxSpares is how many commands are kept to be used again, so that clients
// who come one after the other leave no garbage.
const maxSpares = 64

// New returns a service that is ready for its first client.
func New(l *loop.Loop, log *maillog.Logger, c *Config) *Service {
	return &Service{loop: l, log: log, c: c}
}

// prepare returns what is run for the client on fd.
func (s *Service) prepare(fd int, p loop.Peer) *loop.Cmd {
	r := s.room
	if r == nil {
		r = &room{cmd: s.c.command()}
		r.cmd.Files = r.files[:]
		s.room = r
	}
	r.files = [3]int{fd, fd, fd}
	if s.c.Client != 0 {
		r.env = appendClient(append(r.env[:0], s.c.Env...), s.c.Client, p, loop.LocalOf(fd))
		r.cmd.Env = r.env
	}
	return &r.cmd
}

// command is what is run, without its files.
func (c *Config) command() loop.Cmd {
	cmd := loop.Cmd{
		Path: c.Path, Args: c.Argv, Env: c.Env, Session: true, Root: c.Chroot,
		Nice: c.Nice, Rlimits: c.Rlimits, NoNewPrivs: c.NoNewPrivs, Caps: c.Caps,
	}
	if c.UID >= 0 {
		// One group: the supplementary groups of the user are not for a
		// command that strangers talk to.
		cmd.User = &loop.User{UID: c.UID, GID: c.GID, Groups: []int{c.GID}}
	}
	if c.Chroot != "" {
		cmd.Dir = "/"
	}
	return cmd
}

// Accepted runs the command for the client on fd, and closes fd here. done is
// called once when the command has ended. An error says that no process could
// be made: fd is then as it was, and the caller's, and done is forgotten.
func (s *Service) Accepted(fd int, p loop.Peer, done func()) error {
	cmd := s.prepare(fd, p)
	run := s.take()
	pid, err := s.start(cmd, run.exited)
	if errors.Is(err, unix.ENOEXEC) {
		// A text without "#!" at its top is the shell's, as for execvp(3).
		text := *cmd
		text.Path, text.Args = shell, append([]string{shell, s.c.Path}, s.c.Argv[1:]...)
		pid, err = s.start(&text, run.exited)
	}
	if err != nil {
		s.giveBack(run)
		return s.stillborn(fd, done, err)
	}
	unix.Close(fd)
	run.pid, run.done = pid, done
	if run.timer == nil {
		run.timer = s.loop.After(s.c.TimeLimit, run.expired)
	} else {
		run.timer.Reset(s.c.TimeLimit)
	}
	s.link(run)
	return nil
}

// start makes the process. The child gets the rights that it takes to become
// another user by itself, where it can (see loop.User).
func (s *Service) start(cmd *loop.Cmd, exited func(loop.Exit)) (pid int, err error) {
	if s.c.AsRoot == nil || s.loop.Confines() {
		return s.loop.Spawn(cmd, exited)
	}
	return s.startAsRoot(cmd, exited)
}

// startAsRoot is start where the child cannot do that.
func (s *Service) startAsRoot(cmd *loop.Cmd, exited func(loop.Exit)) (pid int, err error) {
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

// stillborn tells of a command that could not be executed, in the words of the
// process that would have been it.
func (s *Service) stillborn(fd int, done func(), err error) error {
	var exec *loop.ExecError
	if !errors.As(err, &exec) {
		return err
	}
	unix.Close(fd)
	if exec.Step == "" || exec.Step == "exec" {
		s.log.Fatalf("spawn_comand: execvp %s: %s", s.c.Argv[0], maillog.Strerror(exec.Err))
	} else {
		s.log.Fatalf("%s: %s", exec.Step, maillog.Strerror(exec.Err))
	}
	s.log.Warnf("command %s exit status 1", s.c.Argv[0])
	done()
	return nil
}

// ended takes the end of a command. Only an abnormal one is worth a line.
func (run *command) ended(e loop.Exit) {
	s := run.s
	done := run.done
	run.timer.Stop()
	s.unlink(run)
	s.giveBack(run)
	switch st := e.Status; {
	case st.Signaled():
		if s.ending && (st.Signal() == unix.SIGTERM || st.Signal() == unix.SIGKILL) {
			break // as they were told
		}
		s.log.Warnf("command %s killed by signal %d", s.c.Argv[0], st.Signal())
	case st.ExitStatus() != 0:
		s.log.Warnf("command %s exit status %d", s.c.Argv[0], st.ExitStatus())
	}
	done() // last this: it may bring the next client
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
	for run := s.running; run != nil; run = run.older {
		run.signal(sig)
	}
}

// Last is the process of the client that Accepted took last.
func (s *Service) Last() int {
	if s.running == nil {
		return 0
	}
	return s.running.pid
}

// Running calls f for every command, with what is left of its time.
func (s *Service) Running(f func(pid int, left time.Duration)) {
	for run := s.running; run != nil; run = run.older {
		f(run.pid, run.timer.Left())
	}
}

// Resume goes on with a command that another program in this process has
// started, as if it were s's own.
func (s *Service) Resume(pid int, left time.Duration, done func()) error {
	run := s.take()
	if err := s.loop.Adopt(pid, run.exited); err != nil {
		s.giveBack(run)
		return err
	}
	run.pid, run.done = pid, done
	if run.timer == nil {
		run.timer = s.loop.After(left, run.expired)
	} else {
		run.timer.Reset(left)
	}
	s.link(run)
	return nil
}

// take returns a command to be started.
func (s *Service) take() *command {
	run := s.spare
	if run == nil {
		run = &command{s: s}
		run.exited = run.ended
		return run
	}
	s.spare, run.older = run.older, nil
	s.spares--
	return run
}

// giveBack keeps a command that has ended, or was not born.
func (s *Service) giveBack(run *command) {
	run.done = nil
	if s.spares < maxSpares {
		run.older, s.spare = s.spare, run
		s.spares++
	}
}

// link puts run among the running.
func (s *Service) link(run *command) {
	run.older = s.running
	if run.older != nil {
		run.older.younger = run
	}
	s.running = run
}

// unlink undoes link.
func (s *Service) unlink(run *command) {
	if run.younger != nil {
		run.younger.older = run.older
	} else {
		s.running = run.older
	}
	if run.older != nil {
		run.older.younger = run.younger
	}
	run.older, run.younger = nil, nil
}
