// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
	"postloop/services/proxymap/proxytest"
)

// nobody is whom a rootless master runs as in these tests.
const nobody = 65534

// rootless is a master without root, with a directory of its own, and a real
// Postfix's tools beside it.
type rootless struct {
	t     *testing.T
	dir   string
	tools string // configuration of postmap
	cmd   *exec.Cmd
	log   *bufio.Scanner
	said  []string
}

// newRootless makes the directory. What is in it belongs to nobody, but for
// what the tools read.
func newRootless(t *testing.T) *rootless {
	t.Helper()
	beyondPostfix(t, "it has to be root")
	pftest.Require(t)
	dir, err := os.MkdirTemp("", "rl")
	must(t, err)
	r := &rootless{t: t, dir: dir, tools: dir + "/tools"}
	t.Cleanup(func() {
		r.stop()
		must(t, os.RemoveAll(dir))
	})
	must(t, os.Chmod(dir, 0o755))
	for _, d := range []string{"etc", "run", "tools"} {
		must(t, os.Mkdir(dir+"/"+d, 0o755))
	}
	must(t, os.Chown(dir+"/run", nobody, nobody))
	r.write("tools/main.cf", "compatibility_level = 3.6\nqueue_directory = "+dir+"/run\n")
	return r
}

// write makes a file that is old enough for nobody to wait for it.
func (r *rootless) write(name, text string) {
	r.t.Helper()
	path := r.dir + "/" + name
	must(r.t, os.WriteFile(path+".new", []byte(text), 0o644))
	past := time.Now().Add(-time.Minute)
	must(r.t, os.Chtimes(path+".new", past, past))
	must(r.t, os.Rename(path+".new", path))
}

// start starts the master, and waits until it works.
func (r *rootless) start() {
	r.t.Helper()
	out, in, err := os.Pipe()
	must(r.t, err)
	defer func() { must(r.t, in.Close()) }()
	program, err := os.ReadFile(underTest(r.t)) // which stands where nobody gets in
	must(r.t, err)
	must(r.t, os.WriteFile(r.dir+"/master", program, 0o755))
	c := exec.Command(r.dir+"/master", "-d", "-c", r.dir+"/etc")
	c.Env = []string{"PATH=/usr/bin:/bin", "SECRET=of master's"}
	c.Stderr = in
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	must(r.t, c.Start())
	r.cmd = c
	must(r.t, out.SetReadDeadline(time.Now().Add(pftest.Patience)))
	r.t.Cleanup(func() { _ = out.Close() })
	r.log = bufio.NewScanner(out)
	r.saw("daemon started")
}

// saw waits for a line of the log that has a text in it.
func (r *rootless) saw(text string) {
	r.t.Helper()
	for r.log.Scan() {
		r.said = append(r.said, r.log.Text())
		if strings.Contains(r.log.Text(), text) {
			return
		}
	}
	r.t.Fatalf("the log does not say %q:\n%s", text, strings.Join(r.said, "\n"))
}

// stop ends the master, which leaves nobody behind.
func (r *rootless) stop() {
	r.t.Helper()
	if r.cmd == nil {
		return
	}
	must(r.t, r.cmd.Process.Signal(unix.SIGTERM))
	_ = r.cmd.Wait()
	if status := r.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGTERM {
		r.t.Errorf("the master ended with %#x", status)
	}
	r.cmd = nil
}

// postmap asks for keys, and returns what postmap prints.
func (r *rootless) postmap(ref string, keys []string) string {
	r.t.Helper()
	c := exec.Command("/usr/sbin/postmap", "-c", r.tools, "-q", "-", ref)
	c.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil && (c.ProcessState == nil || c.ProcessState.ExitCode() != 1) || stderr.Len() > 0 { // 1: a key was not found
		r.t.Errorf("postmap -q - %s: %v\n%s", ref, err, stderr.String())
	}
	return string(out)
}

// tables makes tables for everybody to read, and returns them with 300 keys.
func (r *rootless) tables() (refs, keys []string) {
	r.t.Helper()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "user%d@example.com box%d\n", i, i)
		keys = append(keys, fmt.Sprintf("user%d@example.com", i), fmt.Sprintf("User%d@EXAMPLE.com", i), fmt.Sprintf("none%d@example.com", i))
	}
	keys = append(keys, "a", "b", "root", "nobody", "192.168.1.1", "10.0.0.1", "SECRET", "grüße@bücher.example")
	r.write("text", b.String())
	r.write("cidr", "192.168.0.0/16 private\n")
	r.write("regexp", "/^user([0-9]+)@/ box$1\n")
	refs = []string{
		"static:all", "static:{two words}", "inline:{a=1, {b = two words}}", "texthash:" + r.dir + "/text", "internal:x", "environ:x",
		"unix:passwd.byname", "unix:group.byname", "cidr:" + r.dir + "/cidr", "regexp:" + r.dir + "/regexp",
		"unionmap:{static:first,inline:{a=second}}",
	}
	types, err := exec.Command("/usr/sbin/postconf", "-m").Output()
	must(r.t, err)
	for _, typ := range strings.Fields(string(types)) {
		switch typ {
		case "hash", "btree", "cdb", "lmdb":
			r.write(typ, b.String())
			if text, err := exec.Command("/usr/sbin/postmap", "-c", r.tools, typ+":"+r.dir+"/"+typ).CombinedOutput(); err != nil {
				r.t.Fatalf("postmap: %v\n%s", err, text)
			}
			refs = append(refs, typ+":"+r.dir+"/"+typ)
		}
	}
	return refs, keys
}

// configure writes a configuration that lists tables, in one of the languages.
func (r *rootless) configure(toml bool, refs []string, more string) {
	r.t.Helper()
	list := "proxy:" + strings.Join(refs, " proxy:")
	if toml {
		r.write("etc/postloop.toml", fmt.Sprintf(`
rootless = true
state = "%s/run"
log.to = "stderr"
[parameters]
builtin_services = ["spawn", "proxymap"]
proxy_read_maps = '%s'
proxy_write_maps = "proxy:internal:notes"
myhostname = "host%s.example"
[[service]]
listen = "unix:private/proxymap"
command = "proxymap"
[[service]]
listen = "unix:private/proxywrite"
command = "proxymap"
limit = 1
`, r.dir, list, more))
		return
	}
	r.write("etc/main.cf", fmt.Sprintf(`
rootless = yes
queue_directory = %s/run
data_directory = $queue_directory
log_to = stderr
builtin_services = spawn, proxymap
proxy_read_maps = %s
proxy_write_maps = proxy:internal:notes
myhostname = host%s.example
`, r.dir, list, more))
	r.write("etc/master.cf", "proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\n")
}

// TestRootlessProxymap: the real postmap finds through a master of nobody's what
// it finds by itself, whichever language that is configured in; and while it
// asks, reloads go unnoticed.
func TestRootlessProxymap(t *testing.T) {
	for _, toml := range []bool{true, false} {
		t.Run(fmt.Sprintf("toml %v", toml), func(t *testing.T) {
			r := newRootless(t)
			refs, keys := r.tables()
			r.configure(toml, refs, "")
			r.start()
			for _, ref := range refs {
				want := r.postmap(ref, keys)
				if ref == "environ:x" {
					want = "" // what master hides from its services
				}
				if got := r.postmap("proxy:"+ref, keys); got != want {
					t.Errorf("%s: %s", ref, difference(want, got))
				}
			}

			var many []string
			for range 100 {
				many = append(many, keys...)
			}
			ref := "texthash:" + r.dir + "/text"
			want := r.postmap(ref, many)
			reloads := 0
			done := make(chan string)
			go func() { done <- r.postmap("proxy:"+ref, many) }()
			for got := ""; got == ""; {
				r.configure(toml, refs, fmt.Sprint(reloads/2))
				must(t, r.cmd.Process.Signal(unix.SIGHUP))
				r.saw("reload -- version")
				reloads++
				select {
				case got = <-done:
					if got != want {
						t.Errorf("through %d reloads: %s", reloads, difference(want, got))
					}
				default:
				}
			}
			t.Logf("%d reloads while postmap asked for %d keys", reloads, len(many))

			for range 2 { // clients at a time, of a service with a limit of 1
				conn, err := net.Dial("unix", r.dir+"/run/private/proxywrite")
				must(t, err)
				defer func() { must(t, conn.Close()) }()
				must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
				c := proxytest.Talk(t, conn)
				if got := c.Ask("request=update", "table=internal:notes", "flags=0", "key=k", "value=v"); got != "status=0" {
					t.Errorf("update: %s", got)
				}
			}
			r.stop()
		})
	}
}
