// SPDX-License-Identifier: ISC

//go:build linux

package dbtest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Postgres is a private PostgreSQL: a cluster below a temporary directory, with a
// socket there and a port of 127.0.0.1.
//
// Over the socket it lets in everybody, and over the port whoever has a password.
type Postgres struct {
	Dir  string // the socket's, and of whatever else the server is to read
	Port string

	t    testing.TB
	bin  string
	cred *syscall.Credential // nil: ours
	args []string
	cmd  *exec.Cmd // nil: not running
	log  *os.File
}

// StartPostgres makes a cluster and starts its server, which is stopped and
// removed when the test ends. settings are those of postgresql.conf, name=value.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	p := &Postgres{t: t}
	p.Port = p.freePort()
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(list) == 0 {
		t.Fatal("no PostgreSQL here (.ci/need-postfix installs it)")
	}
	p.bin = filepath.Dir(slices.Max(list))
	dir, err := os.MkdirTemp("", "pg") // not t.TempDir: a socket's path is short
	p.must(err)
	p.Dir = dir
	t.Cleanup(func() {
		p.Stop(syscall.SIGQUIT)
		_ = p.log.Close()
		_ = os.RemoveAll(dir)
	})
	p.log, err = os.Create(dir + "/log")
	p.must(err)
	if os.Geteuid() == 0 { // which PostgreSQL refuses
		u, err := user.Lookup("postgres")
		p.must(err)
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		p.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		p.must(os.Chown(dir, int(uid), int(gid)))
	}
	c := p.command("initdb", "-D", dir+"/data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.args = []string{"-D", dir + "/data", "-k", dir, "-p", p.Port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"}
	p.set(settings)
	p.Start()
	return p
}

// freePort is a port that nobody listens at, and nobody is given for a connection.
func (p *Postgres) freePort() string {
	p.t.Helper()
	for range 100 {
		port := strconv.Itoa(15000 + rand.IntN(15000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	p.t.Fatal("no free port")
	return ""
}

func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.bin, program), args...)
	c.Dir = p.Dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Pdeathsig: syscall.SIGQUIT}
	return c
}

// File writes a file into Dir that only the server may read, and returns its name.
func (p *Postgres) File(name string, data []byte) string {
	p.t.Helper()
	path := filepath.Join(p.Dir, name)
	p.must(os.WriteFile(path, data, 0o600))
	if p.cred != nil {
		p.must(os.Chown(path, int(p.cred.Uid), int(p.cred.Gid)))
	}
	return path
}

// Start starts the server, and waits until it answers.
func (p *Postgres) Start() {
	p.t.Helper()
	r, w, err := os.Pipe()
	p.must(err)
	p.cmd = p.command("postgres", p.args...)
	p.cmd.Stderr = w
	err = p.cmd.Start()
	_ = w.Close()
	p.must(err)
	var text bytes.Buffer
	for buf := make([]byte, 4096); !strings.Contains(text.String(), "ready to accept connections"); {
		n, err := r.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			p.t.Fatalf("postgres: %s", text.String())
		}
	}
	_, _ = p.log.Write(text.Bytes())
	go func() { // until it ends
		_, _ = io.Copy(p.log, r)
		_ = r.Close()
	}()
}

// Log returns what the server has logged so far.
func (p *Postgres) Log() string {
	p.t.Helper()
	text, err := os.ReadFile(p.log.Name())
	p.must(err)
	return string(text)
}

// Stop ends the server, with SIGINT after it has ended its connections, with
// SIGQUIT as in a crash.
func (p *Postgres) Stop(s syscall.Signal) {
	if p.cmd == nil {
		return
	}
	p.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(s)
	_ = p.cmd.Wait()
	p.cmd = nil
}

// Restart ends the server and starts it again, with more settings.
func (p *Postgres) Restart(settings ...string) {
	p.t.Helper()
	p.Stop(syscall.SIGINT)
	p.set(settings)
	p.Start()
}

func (p *Postgres) set(settings []string) {
	for _, s := range settings {
		p.args = append(p.args, "-c", s)
	}
}

// Signal sends a signal to all of the server's processes.
func (p *Postgres) Signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	pid := p.cmd.Process.Pid
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for child := range strings.FieldsSeq(string(list)) {
		if n, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(n, s)
		}
	}
}

// SQL runs a script in a database, and returns its results: a line for each row,
// with | between columns.
func (p *Postgres) SQL(database, script string) string {
	p.t.Helper()
	c := p.command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", p.Dir, "-p", p.Port, "-U", "postgres", database)
	c.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		p.t.Fatalf("psql: %v\n%s", err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// connections asks how many clients a role has.
func connections(role string) string {
	return "SELECT count(*) FROM pg_stat_activity WHERE usename = '" + role + "' AND backend_type = 'client backend'"
}

// Connections returns how many clients a role has.
func (p *Postgres) Connections(role string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.SQL("postgres", connections(role)+";"))
	p.must(err)
	return n
}

// Watch looks at how many clients a role has, again and again, until stop is
// called, which returns the greatest number, and how often it has looked.
func (p *Postgres) Watch(role string) (stop func() (most, times int)) {
	p.t.Helper()
	c := p.command("psql", "-X", "-q", "-A", "-t", "-h", p.Dir, "-p", p.Port, "-U", "postgres", "postgres")
	c.Stdin = strings.NewReader(connections(role) + " \\watch 0.01\n")
	var out bytes.Buffer
	c.Stdout = &out
	p.must(c.Start())
	return func() (most, times int) {
		_ = c.Process.Kill()
		_ = c.Wait()
		for line := range strings.Lines(out.String()) {
			if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				most = max(most, n)
				times++
			}
		}
		return most, times
	}
}

func (p *Postgres) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
