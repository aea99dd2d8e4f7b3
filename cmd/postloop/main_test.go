// SPDX-License-Identifier: ISC

package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write the golden files anew")

// programs is the directory with the real master, and with this program: the
// test binary, which is it when it is called so.
var programs string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "postloop" {
		main()
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "postloop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, dir+"/postloop")
	}
	if err == nil {
		var out []byte
		if out, err = exec.Command("go", "build", "-o", dir+"/master", "../master").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = dir
	return m.Run()
}

// site is a configuration directory, and perhaps a master.
type site struct {
	t      *testing.T
	dir    string // short: names of sockets are limited
	port   string
	master *exec.Cmd
	user   int // that the master is to be; 0: who runs the test
	env    []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "site")
	must(t, err)
	dir, err = filepath.EvalSymlinks(dir)
	must(t, err)
	s := &site{t: t, dir: dir, port: freePort(t), env: append(os.Environ(), "MAIL_CONFIG="+dir, "TERM=dumb", "TZ=UTC")}
	t.Cleanup(func() {
		s.kill()
		must(t, os.RemoveAll(dir))
	})
	return s
}

// freePort is a port of 127.0.0.1 that is kept for those who share it.
func freePort(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(t, err)
	unix.CloseOnExec(fd)
	t.Cleanup(func() { must(t, unix.Close(fd)) })
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	return fmt.Sprint(sa.(*unix.SockaddrInet4).Port)
}

// write makes a file, old enough for a reload to read it at once. @PORT@ and
// @DIR@ stand for the site's.
func (s *site) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	must(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(s.t, os.WriteFile(path, []byte(strings.NewReplacer("@PORT@", s.port, "@DIR@", s.dir).Replace(text)), 0o755))
	old := time.Now().Add(-time.Minute)
	must(s.t, os.Chtimes(path, old, old))
}

// start starts the master, and waits until it says so.
func (s *site) start() {
	s.t.Helper()
	s.master = exec.Command(programs+"/master", "-d", "-c", s.dir)
	s.master.Env = s.env
	if s.user != 0 {
		must(s.t, os.Chown(s.dir, s.user, s.user))
		must(s.t, os.Chmod(programs, 0o755))
		s.master.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.user), Gid: uint32(s.user)}}
	}
	r, w, err := os.Pipe()
	must(s.t, err)
	s.master.Stderr = w
	must(s.t, s.master.Start())
	must(s.t, w.Close())
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the master has not started: %s: %v", line, err)
		}
		if strings.Contains(line, "daemon started") {
			break
		}
	}
	go func() { // the rest is of no interest, and must not fill the pipe
		_, _ = lines.WriteTo(new(bytes.Buffer))
		_ = r.Close()
	}()
}

// kill ends the master if the test has not.
func (s *site) kill() {
	if s.master != nil && s.master.ProcessState == nil {
		_ = s.master.Process.Signal(unix.SIGTERM)
		_ = s.master.Wait()
	}
}

// run runs the program.
func (s *site) run(args ...string) (status int, out, errOut string) {
	s.t.Helper()
	return s.runWith("", args...)
}

func (s *site) runWith(input string, args ...string) (status int, out, errOut string) {
	s.t.Helper()
	c := exec.Command(programs+"/postloop", args...)
	c.Env, c.Dir, c.Stdin = s.env, s.dir, strings.NewReader(input)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), o.String(), e.String()
}

// ok runs the program, which has to succeed in silence but for its output.
func (s *site) ok(args ...string) string {
	s.t.Helper()
	status, out, errOut := s.run(args...)
	if status != 0 || errOut != "" {
		s.t.Fatalf("%q: status %d: %s%s", args, status, out, errOut)
	}
	return out
}

// fails runs the program, which has to fail with a status and that on its
// standard error.
func (s *site) fails(want int, text string, args ...string) {
	s.t.Helper()
	status, out, errOut := s.run(args...)
	if status != want || out != "" || !strings.Contains(errOut, text) {
		s.t.Errorf("%q: status %d: %s%s", args, status, out, errOut)
	}
}

// golden compares text, whatever differs from run to run taken out of it, with a
// file.
func (s *site) golden(name, text string) {
	s.t.Helper()
	text = strings.NewReplacer(s.dir, "@DIR@", s.port, "@PORT@", programs, "@PROGRAMS@").Replace(text)
	file := filepath.Join("testdata", name)
	if *update {
		must(s.t, os.MkdirAll("testdata", 0o755))
		must(s.t, os.WriteFile(file, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(s.t, err)
	if text != string(want) {
		s.t.Errorf("%s: got\n%s\nwant\n%s", file, text, want)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !cond(); {
		if time.Now().After(limit) {
			t.Fatalf("it never happens: %s", what)
		}
		_, _ = unix.Poll(nil, 10)
	}
}

// dial connects to an address, and waits for what comes first.
func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, address)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var numbers = regexp.MustCompile(`[0-9]+`)
