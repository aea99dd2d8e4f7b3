// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// world is a rootless master with a queue directory of its own, whose time
// the test moves and whose processes are real.
type world struct {
	t          *testing.T
	l          *loop.Loop
	m          *Master
	log        string // file
	bin        string
	main       string // further main.cf lines
	interfaces string
	opt        Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	w := &world{t: t, l: looptest.New(t), log: dir + "/log", bin: dir + "/bin", interfaces: "loopback-only"}
	for _, d := range []string{"bin", "public", "private"} {
		w.must(os.Mkdir(d, 0o755))
	}
	self, err := os.Executable()
	w.must(err)
	for name := range daemons {
		w.must(os.Symlink(self, filepath.Join(w.bin, name)))
	}
	log := maillog.New("master")
	w.must(log.Open(maillog.Dest{Kind: maillog.File, File: w.log}))
	w.opt.Environ = os.Environ()
	w.m, err = New(w.l, log, w.opt)
	w.must(err)
	t.Cleanup(func() {
		ended := w.m.stopping // by the test itself
		w.m.Shutdown(func() { ended = true })
		for range 3 { // TERM, KILL, and the end of patience
			looptest.Advance(w.l, time.Minute)
		}
		looptest.Until(t, w.l, func() bool { return ended && w.l.Children() == 0 })
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(w.log)
			t.Logf("log:\n%s", text)
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// config reads a configuration from text, master.cf's columns shortened to
// name, type, private, wakeup, limit and command.
func (w *world) config(entries ...string) *cfg.Config {
	w.t.Helper()
	text := "rootless = yes\ninet_interfaces = " + w.interfaces + "\nqueue_directory = .\ndaemon_directory = " + w.bin + "\n" + w.main
	main, err := cfg.ParseMain("main.cf", strings.NewReader(text))
	w.must(err)
	main.SetDefault("myhostname", "host.example")
	var lines strings.Builder
	for _, e := range entries {
		f := strings.Fields(e)
		fmt.Fprintf(&lines, "%s %s %s n n %s %s %s\n", f[0], f[1], f[2], f[3], f[4], strings.Join(f[5:], " "))
	}
	list, notes, err := cfg.ParseMaster("master.cf", strings.NewReader(lines.String()), main)
	w.must(err)
	params, err := main.Params()
	w.must(err)
	return &cfg.Config{Dir: ".", Main: main, Params: params, Services: list, Notes: notes}
}

// start takes the entries into service for the first time.
func (w *world) start(entries ...string) {
	w.t.Helper()
	w.must(w.try(func(done func(error)) { w.m.Start(w.config(entries...), nil, done) }))
}

// reload replaces them.
func (w *world) reload(entries ...string) error {
	w.t.Helper()
	return w.try(func(done func(error)) { w.m.Reload(w.config(entries...), nil, done) })
}

func (w *world) try(f func(done func(error))) (result error) {
	w.t.Helper()
	ended := false
	f(func(err error) { result, ended = err, true })
	w.until(func() bool { return ended })
	return result
}

func (w *world) until(cond func() bool) {
	w.t.Helper()
	looptest.Until(w.t, w.l, cond)
}

// service returns the running service of that canonical name.
func (w *world) service(name string, typ cfg.Type) *service {
	w.t.Helper()
	s := byKey(w.m.services)[key{name, typ}]
	if s == nil {
		w.t.Fatalf("no service %s/%s", name, typ)
	}
	return s
}

// lines counts the log lines that contain text.
func (w *world) lines(text string) int {
	all, err := os.ReadFile(w.log)
	w.must(err)
	n := 0
	for _, line := range strings.Split(string(all), "\n") {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// client is a connection to a service.
type client struct {
	w  *world
	fd int
	in string
}

// dial connects to a unix-domain service; its listener is always there.
func (w *world) dial(path string) *client {
	w.t.Helper()
	fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	w.must(err)
	w.t.Cleanup(func() { unix.Close(fd) })
	w.must(unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	return &client{w: w, fd: fd}
}

// poll reads what has come so far.
func (c *client) poll() string {
	var buf [512]byte
	for {
		n, err := unix.Read(c.fd, buf[:])
		if n <= 0 || err != nil {
			return c.in
		}
		c.in += string(buf[:n])
	}
}

// line waits for the first line, while the loop turns.
func (c *client) line() string {
	c.w.t.Helper()
	c.w.await(c.fd, func() bool { return strings.Contains(c.poll(), "\n") })
	line, rest, _ := strings.Cut(c.in, "\n")
	c.in = rest
	return line
}

func (c *client) pid() int {
	c.w.t.Helper()
	pid, err := strconv.Atoi(c.line())
	c.w.must(err)
	return pid
}

// close ends the client.
func (c *client) close() {
	c.w.t.Helper()
	c.w.must(unix.Shutdown(c.fd, unix.SHUT_WR))
}

// await is until for a condition that depends on fd: the loop wakes for it.
func (w *world) await(fd int, cond func() bool) {
	w.t.Helper()
	watch, err := w.l.Watch(fd, loop.Readable, func(loop.Ready) {})
	w.must(err)
	defer watch.Stop()
	w.until(cond)
}
