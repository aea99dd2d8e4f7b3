// SPDX-License-Identifier: ISC

package dbtest

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// process is a server.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	silent chan struct{} // closed when it says nothing more
}

// start starts cmd, and waits until a line of what it says has ready in it.
func start(t testing.TB, ready string, cmd *exec.Cmd) *process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		t.Fatalf("%v (.ci/need-postfix installs it)", err)
	}
	p := &process{t, cmd, make(chan struct{})}
	t.Cleanup(p.kill)
	lines := bufio.NewReader(r)
	var text strings.Builder
	for !strings.Contains(text.String(), ready) {
		line, err := lines.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			_ = r.Close()
			close(p.silent)
			t.Fatalf("%v ended:\n%s", cmd.Args, text.String())
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, r) // until it ends
		_ = r.Close()
		close(p.silent)
	}()
	return p
}

// signal sends it a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends it as an administrator would, and waits until it has ended.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%s: %v", p.cmd.Path, err)
	}
	<-p.silent
}

// kill ends it at once, if it is there.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		<-p.silent
	}
}

// freePort returns a port of 127.0.0.1 that nobody has.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has served
	return l.Addr().(*net.TCPAddr).Port
}

// directory makes one with a short name, since the paths of sockets are short,
// which goes when the test ends.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
