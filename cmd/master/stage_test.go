// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a whole test may wait, all waits together.
const patience = 40 * time.Second

// stage is where one script is played: a directory with configuration files
// and executables, a master, its log, and clients.
type stage struct {
	t        *testing.T
	dir      string // short: socket names are limited
	vars     []string
	env      []string
	sys      *syscall.SysProcAttr // of the next master
	files    []*os.File           // that it has from descriptor 3 on
	deadline time.Time
	master   *exec.Cmd
	pid      int           // that signals go to
	ended    chan struct{} // closed when master has ended
	clients  map[string]*client
	log      logbook
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "master")
	must(t, err)
	dir, err = filepath.EvalSymlinks(dir)
	must(t, err)
	s := &stage{t: t, dir: dir, deadline: time.Now().Add(patience), clients: map[string]*client{}}
	s.log.changed = make(chan struct{})
	t.Cleanup(s.clear)
	self, err := os.Executable()
	must(t, err)
	must(t, os.Mkdir(dir+"/bin", 0o755))
	for name := range roles {
		must(t, os.Symlink(self, dir+"/bin/"+name))
	}
	s.vars = []string{
		"@DIR@", dir, "@UID@", fmt.Sprint(os.Getuid()), "@PORT@", reserve(t, false), "@PORT2@", reserve(t, false), "@TAKEN@", reserve(t, true),
	}
	if hasIPv6() {
		s.vars = append(s.vars, "@PROTOCOLS@", "all", "@LOCALHOST@", "[::1]")
	} else {
		t.Log("no IPv6 on this machine: IPv4 alone is tested")
		s.vars = append(s.vars, "@PROTOCOLS@", "ipv4", "@LOCALHOST@", "127.0.0.1")
	}
	s.env = append(os.Environ(), "MAIL_CONFIG="+dir)
	if measured() {
		s.env = append(s.env, "GOCOVERDIR="+coverDir())
	}
	return s
}

// clear ends what the test has left running.
func (s *stage) clear() {
	for _, c := range s.clients {
		_ = c.Close()
	}
	if s.pid > 0 && !s.log.over() {
		_ = unix.Kill(s.pid, unix.SIGTERM)
		if s.log.await(time.Now().Add(5*time.Second), s.log.isOver) != nil {
			_ = unix.Kill(s.pid, unix.SIGKILL)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the log:\n\t%s", strings.Join(s.log.copy(), "\n\t"))
	}
	must(s.t, os.RemoveAll(s.dir))
}

// expand puts the stage's own names and numbers into text.
func (s *stage) expand(text string) string { return strings.NewReplacer(s.vars...).Replace(text) }

// write makes a file, old enough for a reload to read it at once.
func (s *stage) write(name, text string) error {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(s.expand(text)), 0o755); err != nil {
		return err
	}
	old := time.Now().Add(-10 * time.Second)
	return os.Chtimes(path, old, old)
}

// launch starts a master, or the shell script in args[0] that does, and
// returns it with what is closed when it has ended. Its output becomes part of
// the log.
func (s *stage) launch(args []string) (*exec.Cmd, chan struct{}, error) {
	c := exec.Command(filepath.Join(s.dir, "bin/master"), args...)
	if len(args) > 0 && args[0][0] != '-' {
		c = exec.Command("/bin/sh", args...)
	}
	c.Dir, c.Env, c.SysProcAttr, c.ExtraFiles = s.dir, s.env, s.sys, s.files
	s.sys = nil
	var ends [2]*os.File
	for i, prefix := range []string{"stdout: ", ""} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		defer w.Close()
		ends[i] = w
		s.log.follow(r, prefix)
	}
	c.Stdout, c.Stderr = ends[0], ends[1]
	ended := make(chan struct{})
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	go func() {
		_ = c.Wait() // its status is what counts
		close(ended)
	}()
	return c, ended, nil
}

// finish waits for the end of c and compares how it ended: an exit status, or
// the name of a signal.
func (s *stage) finish(c *exec.Cmd, ended chan struct{}, want string) error {
	select {
	case <-ended:
	case <-time.After(time.Until(s.deadline)):
		_ = c.Process.Kill()
		return errors.New("it does not end")
	}
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	got := fmt.Sprint(status.ExitStatus())
	if signal := signalOf(status); signal != 0 {
		got = strings.TrimPrefix(unix.SignalName(signal), "SIG")
	}
	if got != want {
		return fmt.Errorf("it ended with %s", got)
	}
	return nil
}

// reserve returns a port of 127.0.0.1 that nobody but a master with
// SO_REUSEPORT can have for the length of the test; if taken, nobody at all.
func reserve(t *testing.T, taken bool) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(t, err)
	unix.CloseOnExec(fd)
	t.Cleanup(func() { must(t, unix.Close(fd)) })
	if !taken {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if taken {
		must(t, unix.Listen(fd, 1))
	}
	sa, err := unix.Getsockname(fd)
	must(t, err)
	return fmt.Sprint(sa.(*unix.SockaddrInet4).Port)
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
