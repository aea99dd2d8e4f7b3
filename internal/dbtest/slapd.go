// SPDX-License-Identifier: ISC

//go:build linux

package dbtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Slapd is a private slapd of OpenLDAP: a database below a temporary directory,
// whose suffix is dc=example, with a socket there, a port of 127.0.0.1, and one for
// ldaps of 127.0.0.1 and 127.0.0.2 if there is a certificate.
type Slapd struct {
	Dir       string
	Port      string
	TLSPort   string
	Socket    string // the ldapi: URL
	Root, Key string // the name and password of whoever may do everything

	t   testing.TB
	log *os.File
	cmd *exec.Cmd // nil: not running
}

// slapdConfig is what each configuration begins with.
const slapdConfig = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
sizelimit unlimited
`

// StartSlapd makes a database of ldif and starts its server, which is stopped and
// removed when the test ends. global is what is to be in slapd.conf(5) before the
// databases, and own what is to be in that of dc=example. What they say about the
// directory is written with @DIR@; prepare, which may be nil, puts files there
// first.
func StartSlapd(t testing.TB, global, own, ldif string, prepare func(dir string)) *Slapd {
	t.Helper()
	s := &Slapd{t: t, Root: "cn=root,dc=example", Key: "root's password"}
	var err error
	s.Dir, err = os.MkdirTemp("", "ldap") // not t.TempDir: a socket's path is short
	s.must(err)
	t.Cleanup(func() {
		s.Stop(syscall.SIGKILL)
		if s.log != nil {
			_ = s.log.Close()
		}
		_ = os.RemoveAll(s.Dir)
	})
	s.must(os.Chmod(s.Dir, 0o755))
	s.must(os.Mkdir(s.Dir+"/db", 0o700))
	s.log, err = os.Create(s.Dir + "/log")
	s.must(err)
	if prepare != nil {
		prepare(s.Dir)
	}
	s.Port, s.TLSPort = s.freePort(), s.freePort()
	s.Socket = "ldapi://" + url.PathEscape(s.Dir+"/s")
	text := slapdConfig + global + "\ndatabase monitor\ndatabase mdb\nsuffix dc=example\nrootdn \"" + s.Root + "\"\nrootpw \"" + s.Key +
		"\"\ndirectory @DIR@/db\nmaxsize 100000000\ndbnosync\n" + own + "\n"
	s.must(os.WriteFile(s.Dir+"/conf", []byte(strings.ReplaceAll(text, "@DIR@", s.Dir)), 0o600))
	c := exec.Command("slapadd", "-q", "-n", "2", "-f", s.Dir+"/conf")
	c.Stdin = strings.NewReader(ldif)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v (.ci/need-postfix installs it)\n%s", err, out)
	}
	s.Start()
	return s
}

// freePort is a port that nobody listens at.
func (s *Slapd) freePort() string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.must(l.Close())
	return port
}

func (s *Slapd) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// URL is that of the port, and TLSURL that of the other one.
func (s *Slapd) URL() string    { return "ldap://127.0.0.1:" + s.Port }
func (s *Slapd) TLSURL() string { return "ldaps://127.0.0.1:" + s.TLSPort }

// Start starts the server, and waits until it listens.
func (s *Slapd) Start() {
	s.t.Helper()
	program, err := exec.LookPath("slapd")
	if err != nil {
		program = "/usr/sbin/slapd"
	}
	urls := []string{s.Socket, s.URL()}
	if text, err := os.ReadFile(s.Dir + "/conf"); err == nil && strings.Contains(string(text), "TLSCertificateFile") {
		urls = append(urls, s.TLSURL(), "ldaps://127.0.0.2:"+s.TLSPort)
	}
	s.cmd = exec.Command(program, "-d", "256", "-f", s.Dir+"/conf", "-h", strings.Join(urls, " "))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	s.must(err)
	s.cmd.Stderr = w
	err = s.cmd.Start()
	_ = w.Close()
	s.must(err)
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		_, _ = s.log.WriteString(line)
		if err != nil {
			s.t.Fatalf("slapd:\n%s", s.Log())
		}
		if strings.Contains(line, "slapd starting") {
			break
		}
	}
	go func() { // until it ends
		_, _ = io.Copy(s.log, in)
		_ = r.Close()
	}()
	for { // it says so before it listens, and nothing afterwards
		conn, err := net.Dial("unix", s.Dir+"/s")
		if err == nil {
			_ = conn.Close()
			break
		}
		if syscall.Kill(s.cmd.Process.Pid, 0) != nil || !errors.Is(err, syscall.ECONNREFUSED) {
			s.t.Fatalf("slapd: %v\n%s", err, s.Log())
		}
		time.Sleep(time.Millisecond)
	}
}

// Log returns what the server has logged so far.
func (s *Slapd) Log() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "log"))
	s.must(err)
	return string(text)
}

// Stop ends the server, with SIGTERM after what is going on, with SIGKILL as in a
// crash.
func (s *Slapd) Stop(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.Signal(syscall.SIGCONT)
	s.Signal(sig)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Signal sends a signal to the server.
func (s *Slapd) Signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// Modify changes the database: ldif is for ldapmodify(1).
func (s *Slapd) Modify(ldif string) {
	s.t.Helper()
	c := exec.Command("ldapmodify", "-H", s.Socket, "-x", "-D", s.Root, "-w", s.Key)
	c.Stdin = strings.NewReader(ldif)
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("ldapmodify: %v\n%s", err, out)
	}
}

// Connections returns how many clients the server has.
func (s *Slapd) Connections() int {
	s.t.Helper()
	c := exec.Command("ldapsearch", "-H", s.Socket, "-x", "-LLL", "-D", s.Root, "-w", s.Key,
		"-b", "cn=Current,cn=Connections,cn=Monitor", "-s", "base", "monitorCounter")
	out, err := c.Output()
	_, number, _ := strings.Cut(string(out), "monitorCounter: ")
	n, e := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || e != nil {
		s.t.Fatalf("ldapsearch: %v, %v\n%s", err, e, out)
	}
	return n - 1 // ldapsearch is one
}

// Clients returns how many connections to the port there are now, as the kernel
// knows them, and without asking the server.
func (s *Slapd) Clients() int {
	s.t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	s.must(err)
	return established(string(text), s.Port)
}

// established counts the connections to a port of 127.0.0.1 in the text of
// /proc/net/tcp. The kernel writes that piece by piece and starts a piece where it
// believes the last has ended: a row may be there more than once.
func established(text, port string) int {
	n, _ := strconv.Atoi(port)
	server := fmt.Sprintf("0100007F:%04X", n)
	clients := map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 3 && f[2] == server && f[3] == "01" { // its side of an established one
			clients[f[1]] = true
		}
	}
	return len(clients)
}
