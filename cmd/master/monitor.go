// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

const (
	// monitorTime is how long -w waits for a start to succeed.
	monitorTime = 100 * time.Second
	// monitorEnv tells the master that -w has started which descriptor its
	// parent reads. It never reaches a service.
	monitorEnv = "POSTLOOP_MONITOR"
	monitorFD  = 3
)

// monitor is -w: it starts this program again, without -w, and reports
// whether that has become a working master. The second process, not this one,
// is the master whose number is in the lock file. This one reads no
// configuration and knows nothing; the other finds out what is wrong.
func (d *daemon) monitor() int {
	// The second process would otherwise keep open for ever what a caller
	// waits to see closed.
	if err := loop.CloseOnExecFrom(3); err != nil {
		return d.fatal(err)
	}
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return d.fatal(fmt.Errorf("pipe: %s", maillog.Strerror(err)))
	}
	unix.CloseOnExec(pipe[0])
	unix.CloseOnExec(pipe[1])
	self, err := os.Executable()
	if err != nil {
		return d.fatal(fmt.Errorf("fork: %s", maillog.Strerror(err)))
	}
	pid, err := syscall.ForkExec(self, d.o.withoutWait(os.Args[0]), &syscall.ProcAttr{
		Env:   append(os.Environ(), monitorEnv+"="+strconv.Itoa(monitorFD)),
		Files: []uintptr{0, 1, 2, uintptr(pipe[1])},
	})
	unix.Close(pipe[1])
	if err != nil {
		return d.fatal(fmt.Errorf("fork: %s", maillog.Strerror(err)))
	}
	if err := awaitByte(pipe[0], monitorTime); err != nil {
		if !errors.Is(err, errEnded) {
			d.log.Warnf("%s while waiting for daemon initialization", maillog.Strerror(err))
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		return d.fatal(errors.New("daemon initialization failure -- see logs for details"))
	}
	return 0
}

var errEnded = errors.New("ended")

// awaitByte waits for one byte from fd. The end of the pipe is errEnded.
func awaitByte(fd int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		left := time.Until(deadline).Milliseconds()
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left))
		if n <= 0 && (err == nil || errors.Is(err, unix.EINTR)) {
			continue
		}
		if err != nil {
			return err
		}
		var b [1]byte
		n, err = unix.Read(fd, b[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return errEnded
		}
		return nil
	}
}

// withoutWait returns the command line of the master that -w starts.
func (o *options) withoutWait(name string) []string {
	args := []string{name}
	for _, f := range []struct {
		on   bool
		word string
	}{{o.debugger, "-D"}, {o.debug, "-d"}, {o.stdout, "-s"}, {o.verbose, "-v"}} {
		if f.on {
			args = append(args, f.word)
		}
	}
	if o.configDir != "" {
		args = append(args, "-c", o.configDir)
	}
	if o.exitAfter >= 0 {
		args = append(args, "-e", strconv.Itoa(int(o.exitAfter/time.Second)))
	}
	return args
}

// takeMonitor returns the descriptor on which a parent waits for success, or
// -1, and removes the trace of it from the environment.
func takeMonitor() int {
	text, set := os.LookupEnv(monitorEnv)
	_ = os.Unsetenv(monitorEnv)
	if fd, err := strconv.Atoi(text); set && err == nil && fd == monitorFD {
		unix.CloseOnExec(fd)
		return fd
	}
	return -1
}
