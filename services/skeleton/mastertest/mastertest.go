// SPDX-License-Identifier: ISC

// Package mastertest plays the master by hand, for tests of daemons: it gives
// a real process the descriptors, the environment and the directories that a
// daemon is given, listens to what it says, and sees it end.
//
// Nothing here sleeps: every wait is for something, and ends the test when that
// takes longer than Patience.
package mastertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// Patience is how long anything may take.
const Patience = 30 * time.Second

// Options say what Start makes. The zero value is a rootless service of the
// test's own executable, behind one unix-domain socket.
type Options struct {
	Path       string   // of the executable; empty: that of the test
	Name       string   // argv[0]; empty: daemon
	Args       []string // after those that the transport makes
	Env        []string // besides MAIL_CONFIG, LANG and GENERATION
	Main       string   // main.cf, besides queue_directory and log_to
	TOML       string   // postloop.toml instead
	Privileged bool     // not rootless
	Transport  string   // -t; empty: unix; "-": no -t at all
	Sockets    int      // empty: 1
	Generation string   // empty: 12; "-": unset
	Stdin      *os.File // empty: /dev/null
	Stderr     *os.File // empty: the log
	NoStatus   bool     // descriptor 5 is not open
	Master     *Master  // whose other process this is to be
}

// Master is what the processes of one service share.
type Master struct {
	Dir   string // everything is below it
	Queue string // queue_directory

	t         testing.TB
	transport string
	network   string
	listeners []int
	addrs     []string
	status    [2]int        // ours, theirs; -1: closed
	first     *net.UnixConn // takes what is logged before the configuration says where
	said      []byte
	flow      [2]int
}

// Daemon is one process.
type Daemon struct {
	*Master
	Pid int

	log    string
	ended  chan struct{}
	result syscall.WaitStatus // once ended
	took   time.Duration      // from the start to the end
}

// New makes a master, without a process.
func New(t testing.TB, o Options) *Master {
	t.Helper()
	dir, err := os.MkdirTemp("", "md") // t.TempDir may be too long for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	m := &Master{Dir: dir, Queue: dir + "/q", t: t, transport: o.Transport, network: "unix"}
	must(t, os.Chmod(dir, 0o755))
	for _, sub := range []string{"/etc", "/q", "/q/pid", "/q/etc"} {
		must(t, os.Mkdir(dir+sub, 0o755))
	}
	if o.TOML != "" {
		must(t, os.WriteFile(dir+"/etc/postloop.toml", []byte(strings.ReplaceAll(o.TOML, "DIR", dir)), 0o644))
	} else {
		main := "queue_directory = " + m.Queue + "\nlog_to = stderr\n"
		if !o.Privileged {
			main += "rootless = yes\n"
		}
		must(t, os.WriteFile(dir+"/etc/main.cf", []byte(main+o.Main), 0o644))
	}
	if m.transport == "" {
		m.transport = "unix"
	}
	if m.transport == "inet" {
		m.network = "tcp"
	}
	for i := range max(o.Sockets, 1) {
		m.listen(i)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	m.status = fds
	m.first, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/log", Net: "unixgram"})
	must(t, err)
	must(t, unix.Pipe(m.flow[:]))
	for i, fd := range append(m.flow[:], fds[:]...) {
		unix.CloseOnExec(fd)
		must(t, unix.SetNonblock(fd, i < 2))
	}
	t.Cleanup(m.close)
	return m
}

// listen makes one socket. It stays non-blocking, as a daemon finds it.
func (m *Master) listen(i int) {
	m.t.Helper()
	addr := "127.0.0.1:0"
	if m.network == "unix" {
		addr = fmt.Sprintf("%s/s%d", m.Dir, i)
	}
	ln, err := net.Listen(m.network, addr)
	must(m.t, err)
	m.addrs = append(m.addrs, ln.Addr().String())
	file, err := ln.(interface{ File() (*os.File, error) }).File()
	must(m.t, err)
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	must(m.t, err)
	must(m.t, file.Close())
	must(m.t, unix.SetNonblock(fd, true)) // last: an os.File makes it blocking
	m.listeners = append(m.listeners, fd)
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	must(m.t, ln.Close())
}

func (m *Master) close() {
	m.Reload()
	if m.status[1] >= 0 {
		must(m.t, unix.Close(m.status[1]))
		m.status[1] = -1
	}
	must(m.t, m.first.Close())
	for _, fd := range append(m.listeners, m.flow[:]...) {
		must(m.t, unix.Close(fd))
	}
}

// Reload closes our end of the status channel, as a master does that is
// reloaded.
func (m *Master) Reload() {
	if m.status[0] >= 0 {
		must(m.t, unix.Close(m.status[0]))
		m.status[0] = -1
	}
}

// Unread fills the status channel, as when a master does not read for long, and
// returns how many records it then holds.
func (m *Master) Unread() (records int) {
	m.t.Helper()
	must(m.t, unix.SetsockoptInt(m.status[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
	record := proto.Status{Pid: -1}.Append(nil)
	for {
		if err := unix.Send(m.status[1], record, unix.MSG_DONTWAIT); err != nil {
			return records
		}
		records++
	}
}

// Start starts a process, with a master of its own unless it has one.
func Start(t testing.TB, o Options) *Daemon {
	t.Helper()
	m := o.Master
	if m == nil {
		m = New(t, o)
	}
	d := &Daemon{Master: m, ended: make(chan struct{})}
	var err error
	if o.Path == "" {
		o.Path, err = os.Executable()
		must(t, err)
	}
	if o.Name == "" {
		o.Name = "daemon"
	}
	args := []string{o.Name}
	if o.Transport != "-" {
		args = append(args, "-t", m.transport)
	}
	if n := len(m.listeners); n > 1 {
		args = append(args, "-s", strconv.Itoa(n))
	}
	log, err := os.CreateTemp(m.Dir, "log")
	must(t, err)
	defer func() { must(t, log.Close()) }()
	d.log = log.Name()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer func() { must(t, null.Close()) }()
	if o.Stdin == nil {
		o.Stdin = null
	}
	if o.Stderr == nil {
		o.Stderr = log
	}
	if o.Generation == "" {
		o.Generation = "12"
	}
	env := append(o.Env, "MAIL_CONFIG="+m.Dir+"/etc", "LANG=C", "POSTLOG_SERVICE="+m.Dir+"/log")
	if o.Generation != "-" {
		env = append(env, proto.GenerationEnv+"="+o.Generation)
	}
	files := []uintptr{o.Stdin.Fd(), null.Fd(), o.Stderr.Fd(), uintptr(m.flow[0]), uintptr(m.flow[1]), uintptr(m.status[1])}
	if o.NoStatus {
		files[proto.StatusFD] = ^uintptr(0)
	}
	for _, fd := range m.listeners {
		files = append(files, uintptr(fd))
	}
	began := time.Now()
	d.Pid, err = syscall.ForkExec(o.Path, append(args, o.Args...), &syscall.ProcAttr{Dir: m.Queue, Env: env, Files: files})
	must(t, err)
	t.Cleanup(d.kill)
	go func() {
		for {
			if _, err := syscall.Wait4(d.Pid, &d.result, 0, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		d.took = time.Since(began)
		close(d.ended)
	}()
	return d
}

func (d *Daemon) kill() {
	if d.Runs() {
		_ = unix.Kill(d.Pid, unix.SIGKILL)
	}
	<-d.ended
	if d.t.Failed() {
		d.t.Logf("process %d logged:\n%s", d.Pid, d.Log())
	}
}

// Wait waits for the process to end, and returns how it has, and after what
// time.
func (d *Daemon) Wait() (status syscall.WaitStatus, took time.Duration) {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(Patience):
		d.t.Fatalf("process %d does not end", d.Pid)
	}
	return d.result, d.took
}

// Exits waits for the process to end with that status.
func (d *Daemon) Exits(want int) {
	d.t.Helper()
	if status, _ := d.Wait(); !status.Exited() || status.ExitStatus() != want {
		d.t.Errorf("the end is %#x, want exit status %d", status, want)
	}
}

// Runs reports whether the process has not ended.
func (d *Daemon) Runs() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// Log returns what the process has logged, which begins with what a process of
// this master has logged while it did not know where to.
func (d *Daemon) Log() string {
	must(d.t, d.first.SetReadDeadline(time.Now().Add(time.Millisecond)))
	for buf := make([]byte, 4096); ; {
		n, err := d.first.Read(buf)
		if err != nil {
			break
		}
		d.said = append(append(d.said, buf[:n]...), '\n')
	}
	text, err := os.ReadFile(d.log)
	must(d.t, err)
	return string(d.said) + string(text)
}

// WaitLog waits for a line of the log that holds text.
func (d *Daemon) WaitLog(text string) {
	d.t.Helper()
	Until(d.t, "in the log: "+text, func() bool { return strings.Contains(d.Log(), text) })
}

// Dial connects to the first socket.
func (m *Master) Dial() net.Conn { m.t.Helper(); return m.DialTo(0) }

// DialTo connects to one of the sockets. The connection has Patience's
// deadline, and is closed when the test ends.
func (m *Master) DialTo(i int) net.Conn {
	m.t.Helper()
	conn, err := net.Dial(m.network, m.addrs[i])
	must(m.t, err)
	must(m.t, conn.SetDeadline(time.Now().Add(Patience)))
	m.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Status waits for the next record of any process of the service.
func (m *Master) Status() proto.Status {
	m.t.Helper()
	m.await("a status record")
	var buf [proto.StatusSize]byte
	n, err := unix.Read(m.status[0], buf[:])
	must(m.t, err)
	s, ok := proto.ParseStatus(buf[:n])
	if !ok {
		m.t.Fatalf("a status record of %d bytes: % x", n, buf[:n])
	}
	return s
}

// await waits for something to read on the status channel.
func (m *Master) await(what string) {
	m.t.Helper()
	set := []unix.PollFd{{Fd: int32(m.status[0]), Events: unix.POLLIN}}
	for end := time.Now().Add(Patience); ; {
		n, err := unix.Poll(set, int(max(0, time.Until(end)/time.Millisecond)))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n == 0:
			m.t.Fatalf("wait for %s: %v", what, err)
		}
		return
	}
}

// Says waits for records of the process that say taken or available, one by
// one.
func (d *Daemon) Says(avail ...int32) {
	d.t.Helper()
	for _, want := range avail {
		if got, want := d.Status(), (proto.Status{Pid: int32(d.Pid), Generation: 0o12, Avail: want}); got != want {
			d.t.Errorf("the process says %+v, want %+v", got, want)
		}
	}
}

// Silent fails if a record waits.
func (m *Master) Silent() {
	m.t.Helper()
	var buf [proto.StatusSize]byte
	if n, _, err := unix.Recvfrom(m.status[0], buf[:], unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
		m.t.Errorf("the status channel has % x, %v", buf[:max(n, 0)], err)
	}
}

// Ask sends a line and returns the line that comes back.
func Ask(t testing.TB, conn net.Conn, line string) string {
	t.Helper()
	_, err := conn.Write([]byte(line + "\n"))
	must(t, err)
	return Line(t, conn)
}

// Line reads one line, and not a byte more.
func Line(t testing.TB, conn net.Conn) string {
	t.Helper()
	var text []byte
	for b := make([]byte, 1); !bytes.HasSuffix(text, []byte("\n")); text = append(text, b...) {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
	}
	return string(text[:len(text)-1])
}

// Until waits for cond, which announces itself by no event.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", Patience, what)
		}
		_, _ = unix.Poll(nil, 5)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
