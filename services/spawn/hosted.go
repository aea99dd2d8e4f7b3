// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Hosted runs the command for clients that a master on the same loop accepts.
type Hosted struct {
	loop    *loop.Loop
	log     *maillog.Logger
	c       *Config
	sys     unix.SysProcAttr
	done    func()
	failed  func(error)
	running map[*command]struct{}
	ending  bool // Shutdown has signalled the commands
}

// command is a running one.
type command struct {
	h     *Hosted
	pid   int
	timer *loop.Timer
}

// NewHosted returns a service that is ready for its first client. done is
// called once for every client, when its command has ended; failed when no
// process could be made for one.
func NewHosted(l *loop.Loop, log *maillog.Logger, c *Config, done func(), failed func(error)) *Hosted {
	h := &Hosted{loop: l, log: log, c: c, done: done, failed: failed, running: map[*command]struct{}{}}
	h.sys.Setsid = true
	if c.UID >= 0 {
		h.sys.Credential = credential(c)
	}
	h.sys.Chroot = c.Chroot
	return h
}

// Accepted runs the command for the client on fd, and closes fd here.
func (h *Hosted) Accepted(fd int, _ loop.Peer) {
	run := &command{h: h}
	cmd := &loop.Cmd{Path: h.c.Path, Args: h.c.Argv, Env: h.c.Env, Files: []int{fd, fd, fd}, Sys: &h.sys}
	if h.c.Chroot != "" {
		cmd.Dir = "/"
	}
	pid, err := h.loop.Spawn(cmd, run.exited)
	unix.Close(fd)
	if err != nil {
		h.refused(err)
		return
	}
	run.pid = pid
	run.timer = h.loop.After(h.c.TimeLimit, run.expired)
	h.running[run] = struct{}{}
}

// refused tells why there is no command for a client.
func (h *Hosted) refused(err error) {
	var exec *loop.ExecError
	if errors.As(err, &exec) {
		h.log.Fatalf("spawn_comand: execvp %s: %s", h.c.Argv[0], maillog.Strerror(exec.Err))
		h.log.Warnf("command %s exit status 1", h.c.Argv[0])
	} else {
		h.failed(err)
	}
	h.done()
}

// exited takes the end of a command. Only an abnormal one is worth a line.
func (run *command) exited(e loop.Exit) {
	h := run.h
	run.timer.Stop()
	delete(h.running, run)
	switch st := e.Status; {
	case st.Signaled():
		if h.ending && (st.Signal() == unix.SIGTERM || st.Signal() == unix.SIGKILL) {
			break // as they were told
		}
		h.log.Warnf("command %s killed by signal %d", h.c.Argv[0], st.Signal())
	case st.ExitStatus() != 0:
		h.log.Warnf("command %s exit status %d", h.c.Argv[0], st.ExitStatus())
	}
	h.done()
}

// expired ends a command that has used up its time, with all of its process
// group, so that nobody holds the client's connection any more.
func (run *command) expired() {
	run.h.log.Warnf("%s: process id %d: command time limit exceeded", run.h.c.Argv[0], run.pid)
	run.signal(unix.SIGKILL)
}

// signal sends sig to the command's process group, which has the number of
// the command since that began with a session of its own.
func (run *command) signal(sig unix.Signal) {
	if err := unix.Kill(-run.pid, sig); err != nil {
		// Not in its group yet, or no longer: the process itself is not reaped.
		_ = unix.Kill(run.pid, sig)
	}
}

// Shutdown ends all commands: with a chance to finish, or at once if force.
func (h *Hosted) Shutdown(force bool) {
	h.ending = true
	sig := unix.SIGTERM
	if force {
		sig = unix.SIGKILL
	}
	for run := range h.running {
		run.signal(sig)
	}
}
