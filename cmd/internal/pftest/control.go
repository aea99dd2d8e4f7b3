// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Result is how a command ended, and all that it wrote.
type Result struct {
	Exit   int // 128+signal when a signal ended it
	Output string
	Took   time.Duration
}

// path is all the environment that commands get, but for what is said.
const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// Run runs a command to its end, in an environment that holds PATH and env.
// One that runs longer than Patience is killed with all it started.
func Run(env []string, name string, args ...string) (Result, error) {
	// Not a pipe: a daemon that the command leaves behind would hold it open.
	out, err := os.CreateTemp("", "pfout")
	if err != nil {
		return Result{}, err
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append([]string{path}, env...)
	c.Stdout, c.Stderr = out, out
	// A session of its own makes a group that can be killed as a whole.
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	began := time.Now()
	err = c.Run()
	r := Result{Took: time.Since(began)}
	text, readErr := os.ReadFile(out.Name())
	r.Output = string(text)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.Exit = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			r.Exit = 128 + int(ws.Signal())
		}
		err = ctx.Err()
	case err == nil:
		err = readErr
	}
	return r, err
}

// Postfix runs `postfix -c DIR args`.
func (p *Instance) Postfix(args ...string) Result {
	p.t.Helper()
	return p.Command("/usr/sbin/postfix", append([]string{"-c", p.Config}, args...)...)
}

// Command runs a command to its end.
func (p *Instance) Command(name string, args ...string) Result {
	p.t.Helper()
	return p.command(nil, name, args...)
}

func (p *Instance) command(env []string, name string, args ...string) Result {
	p.t.Helper()
	r, err := Run(env, name, args...)
	if err != nil {
		p.t.Fatalf("%s %v: %v\n%s", name, args, err, r.Output)
	}
	return r
}

// Must runs `postfix -c DIR args` and ends the test when it fails.
func (p *Instance) Must(args ...string) Result {
	p.t.Helper()
	r := p.Postfix(args...)
	if r.Exit != 0 {
		p.t.Fatalf("postfix %s: exit status %d\n%s", strings.Join(args, " "), r.Exit, r.Output)
	}
	return r
}

// Master runs the master of the instance to its end, through a shell as
// everybody does: a process-group leader could not make a session of its own.
// As when postfix(1) starts it, the environment says where the log is: what
// goes wrong before main.cf has been read goes there and not to syslog.
func (p *Instance) Master(args ...string) Result {
	p.t.Helper()
	env := []string{"POSTLOG_SERVICE=" + p.Queue + "/public/postlog", "POSTLOG_HOSTNAME=" + p.Main("myhostname")}
	script := `"$0" "$@"; exit $?`
	if p.files > 0 {
		script = fmt.Sprintf("ulimit -Sn %d; ", p.files) + script
	}
	return p.command(env, "/bin/sh", append([]string{"-c", script, p.Daemons + "/master", "-c", p.Config}, args...)...)
}

// Start starts the instance with `postfix start`.
func (p *Instance) Start() {
	p.t.Helper()
	p.Must("start")
	p.Pid()
}

// StartMaster starts the master alone, with -w, which is much quicker and
// enough where no mail flows.
func (p *Instance) StartMaster(args ...string) {
	p.t.Helper()
	r := p.Master(append([]string{"-w"}, args...)...)
	if r.Exit != 0 {
		p.t.Fatalf("master -w: exit status %d\n%s", r.Exit, r.Output)
	}
	p.Pid()
}

// Background starts the master by the given command, of which it stays a
// child, and returns the command; the caller waits for it.
func (p *Instance) Background(args ...string) *exec.Cmd {
	p.t.Helper()
	c := exec.Command("/bin/sh", append([]string{"-c", `"$0" "$@"; exit $?`}, args...)...)
	c.Env = []string{path}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.must(c.Start())
	return c
}

// Reload sends SIGHUP and waits until the master says that it has read its
// files again; ok is what it says then: "reload" for Postfix's own.
func (p *Instance) Reload() {
	p.t.Helper()
	before := p.Count(`postfix/master\[\d+\]: reload -- version`)
	p.must(unix.Kill(p.Pid(), unix.SIGHUP))
	p.Until("the master reloads", func() bool { return p.Count(`postfix/master\[\d+\]: reload -- version`) > before })
}

// Stop ends the instance with `postfix stop` and waits until every process of
// it is gone.
func (p *Instance) Stop() {
	p.t.Helper()
	p.Must("stop")
	p.AllGone()
}

// AllGone waits until no process of the instance is left.
func (p *Instance) AllGone() {
	p.t.Helper()
	p.Until("every process of the instance is gone", func() bool { return len(p.Processes()) == 0 })
}

// Pid returns the master's process id.
func (p *Instance) Pid() int {
	p.t.Helper()
	pid := p.pidInFile()
	if pid <= 0 {
		p.t.Fatalf("%s/pid/master.pid names no master of this instance", p.Queue)
	}
	return pid
}

// Alive reports whether the master runs.
func (p *Instance) Alive() bool { return p.pidInFile() > 0 }

// pidInFile returns what master.pid holds, if that is a living process at home
// in the queue directory: a number is soon someone else's, and in a process
// namespace of its own the master is number 1.
func (p *Instance) pidInFile() int {
	text, err := os.ReadFile(p.Queue + "/pid/master.pid")
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(string(bytes.TrimSpace(text)))
	cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil || cwd != p.Queue {
		return 0
	}
	return pid
}
