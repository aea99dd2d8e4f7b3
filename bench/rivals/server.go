// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"postloop/bench/measure"

	"golang.org/x/sys/unix"
)

// Server is a rival that runs.
type Server struct {
	Rival    *Rival
	Tree     *measure.Tree
	Pid      int
	Argv     []string      // as it was started
	In, Out  *os.File      // its input and its output, where Service.Pipes asks for them
	Began    time.Time     // when its program was executed
	Answered time.Duration // until it had answered
	Took     time.Duration // until somebody could connect, where Service.Timed asks for it

	dir   string
	env   []string      // besides what every server has
	ended chan struct{} // the first process has
	how   string        // it ended
}

// readyTime is how long a server may take before it answers.
const readyTime = 30 * time.Second

// enter puts the shell that runs it, and so the server that takes its place,
// into the control group whose entrance is $0, and stops until it is told to go
// on: what the shell itself takes is not the server's.
const enter = `[ -z "$0" ] || echo $$ >"$0"; kill -STOP $$; exec "$@"`

// inMemory is a directory whose files are in memory; empty: the usual one for
// temporary files, which TMPDIR is asked for. What is compared is not what a file
// system makes of thousands of sockets: ext4 passes over each inode that was freed
// in the last minutes, and takes seconds for as many as a server before has left.
func inMemory() string {
	const dir = "/dev/shm"
	var st unix.Statfs_t
	if os.Getenv("TMPDIR") != "" || unix.Statfs(dir, &st) != nil || st.Type != unix.TMPFS_MAGIC {
		return ""
	}
	return dir
}

// Start starts a rival on the given processors and returns when it answers.
func (w *World) Start(ctx context.Context, r *Rival, s *Service, cpus []int) (_ *Server, err error) {
	if r.Missing != "" {
		return nil, fmt.Errorf("%s: %s", r.Name, r.Missing)
	}
	// A short path: that of a socket must stay below 108 bytes.
	dir, err := os.MkdirTemp(inMemory(), "plb")
	if err != nil {
		return nil, err
	}
	srv := &Server{Rival: r, dir: dir, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", r.Name, err), srv.Stop())
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil { // the command's user goes through it
		return nil, err
	}
	l, err := r.launch(w, dir, s)
	if err != nil {
		return nil, err
	}
	if err := srv.start(l, s, cpus); err != nil {
		return nil, err
	}
	if s.Timed {
		if err := srv.Listens(s.network(), s.where()); err != nil {
			return nil, err
		}
		srv.Took = time.Since(srv.Began)
	}
	if err := srv.ready(ctx, s); err != nil {
		return nil, err
	}
	srv.Answered = time.Since(srv.Began)
	return srv, nil
}

func (srv *Server) start(l *launch, s *Service, cpus []int) error {
	out, err := os.Create(srv.dir + "/output")
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	srv.Argv, srv.env = l.argv, l.env
	srv.Tree = measure.NewTree(strings.Map(onlyLetters, srv.Rival.Name))
	c := exec.Command("/bin/sh", append([]string{"-c", enter, srv.Tree.Entrance()}, l.argv...)...)
	c.Dir = "/"
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_LOG_LEVEL=err"}, l.env...)
	c.Stdout, c.Stderr = out, out
	if s.Pipes {
		in, srvIn, err := os.Pipe()
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		srvOut, out, err := os.Pipe()
		srv.In, srv.Out = srvIn, srvOut
		if err != nil {
			return err
		}
		defer func() { _ = out.Close() }()
		c.Stdin, c.Stdout = in, out
	}
	// A session of its own, so that an interrupt from the terminal is first
	// of all ours.
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: !l.session, Pdeathsig: syscall.SIGKILL}
	if err := measure.StartOn(cpus, c.Start); err != nil {
		close(srv.ended)
		return err
	}
	srv.Pid = c.Process.Pid
	srv.Tree.SetRoot(srv.Pid)
	go func() {
		_ = c.Wait() // its state says the same
		srv.how = c.ProcessState.String()
		close(srv.ended)
	}()
	for end := time.Now().Add(readyTime); !measure.Stopped(srv.Pid); time.Sleep(lookAgain) {
		if !srv.Alive() || time.Now().After(end) {
			return errors.New("/bin/sh does not stop: " + srv.Output())
		}
	}
	srv.Began = time.Now()
	return syscall.Kill(srv.Pid, syscall.SIGCONT)
}

func onlyLetters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return -1
}

// ready waits until the server answers. That a connection can be made says
// little: a socket that listens may be that of a server that is not yet done
// with starting.
func (srv *Server) ready(ctx context.Context, s *Service) error {
	if s.Pipes {
		return srv.announced()
	}
	for end := time.Now().Add(readyTime); ; {
		err := s.visit(end)
		if err == nil {
			return nil
		}
		select {
		case <-srv.ended:
			return errors.New("has ended: " + srv.how + "\n" + srv.Output())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("does not answer on %s after %v: %w\n%s", s.where(), readyTime, err, srv.Output())
		}
	}
}

// announced reads two bytes that say how many deliveries there may be.
func (srv *Server) announced() error {
	if err := srv.Out.SetReadDeadline(time.Now().Add(readyTime)); err != nil {
		return err
	}
	if _, err := io.ReadFull(srv.Out, make([]byte, 2)); err != nil {
		return fmt.Errorf("announces nothing: %w\n%s", err, srv.Output())
	}
	return srv.Out.SetReadDeadline(time.Time{})
}

// visit makes a connection, sends nothing, and waits for its end.
func (s *Service) visit(end time.Time) error {
	conn, err := net.Dial(s.network(), s.where())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := errors.Join(conn.SetDeadline(end), conn.(interface{ CloseWrite() error }).CloseWrite()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// network and where are the address as package net has it.
func (s *Service) network() string {
	if s.Path != "" {
		return "unix"
	}
	return "tcp"
}

func (s *Service) where() string {
	if s.Path != "" {
		return s.Path
	}
	return s.Addr.String()
}

// Alive reports whether the server still runs.
func (srv *Server) Alive() bool {
	select {
	case <-srv.ended:
		return false
	default:
		return true
	}
}

// Output is what the server has said so far.
func (srv *Server) Output() string {
	var b strings.Builder
	for _, name := range []string{"/output", "/log", "/log/mail.log"} {
		text, _ := os.ReadFile(srv.dir + name)
		b.Write(text)
	}
	return b.String()
}

// Command is how it was started, in which environment, with the configuration that says more than
// its arguments, and DIR in the place of its own directory.
func (srv *Server) Command() string {
	text := strings.Join(append(slices.Clip(srv.env), srv.Argv...), " ") + "\n"
	for _, name := range []string{"/xinetd.conf", "/inetd.conf", "/etc/main.cf", "/etc/master.cf"} {
		file, err := os.ReadFile(srv.dir + name)
		if err != nil {
			continue
		}
		text += "\n" + strings.TrimPrefix(name, "/") + ":\n" + string(file)
	}
	return strings.ReplaceAll(text, srv.dir, "DIR")
}

// Stop ends the server and everything that it has started.
func (srv *Server) Stop() error {
	var err error
	if srv.Tree != nil {
		err = srv.Tree.Kill()
		if err == nil {
			<-srv.ended
			measure.Bury() // no other child of ours lives while a server stops
		}
	}
	for _, f := range []*os.File{srv.In, srv.Out} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return errors.Join(err, os.RemoveAll(srv.dir))
}

// FreeAddr returns an address on loopback where nothing listens, outside the
// range that the system takes clients' ports from.
func FreeAddr() (netip.AddrPort, error) {
	first := rand.IntN(10000)
	for i := range 10000 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+(first+i)%10000))
		ln, err := net.Listen("tcp4", addr.String())
		if err == nil {
			return addr, ln.Close()
		}
	}
	return netip.AddrPort{}, errors.New("no free port between 20000 and 30000 on 127.0.0.1")
}
