// SPDX-License-Identifier: ISC

package skeleton

import (
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/master/proto"
	"postloop/services/skeleton/mastertest"

	"golang.org/x/sys/unix"
)

const (
	taken     = proto.Taken
	available = proto.Available
)

// ended waits until the other side closes, and returns what came before.
func ended(t *testing.T, conn net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	return string(text)
}

// TestOneClientAtATime, and the master hears of each.
func TestOneClientAtATime(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"unix", "inet"} {
		d := mastertest.Start(t, mastertest.Options{Transport: transport, Args: []string{"-n", "it"}})
		first := d.Dial()
		if got := mastertest.Line(t, first); transport == "unix" && got != "hello it unix" || transport == "inet" && got != "hello it 127.0.0.1" {
			t.Errorf("got %q", got)
		}
		d.Says(taken)
		second := d.Dial()
		if got := mastertest.Ask(t, first, "still the first"); got != "still the first" {
			t.Errorf("got %q", got)
		}
		d.Silent()
		must(t, first.Close())
		mastertest.Line(t, second)
		d.Says(available, taken)
		must(t, second.Close())
		d.Says(available)
	}
}

// TestDescriptors: a client's is as programs expect it, and what the master
// gave is as it was but for children.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	for transport, want := range map[string]string{
		"unix": "close-on-exec true, non-blocking false, keepalive false, <nil>",
		"inet": "close-on-exec true, non-blocking false, keepalive true, <nil>",
	} {
		d := mastertest.Start(t, mastertest.Options{Transport: transport, Sockets: 2})
		conn := d.DialTo(1)
		mastertest.Line(t, conn)
		if got := mastertest.Ask(t, conn, "descriptor"); got != want {
			t.Errorf("%s: %s", transport, got)
		}
		for fd := proto.FlowRead; fd <= proto.ListenFD+1; fd++ {
			blocking := fd == proto.StatusFD
			want := "close-on-exec true, non-blocking " + strconv.FormatBool(!blocking) + ", keepalive false, <nil>"
			if got := mastertest.Ask(t, conn, "descriptor "+strconv.Itoa(fd)); got != want {
				t.Errorf("descriptor %d: %s", fd, got)
			}
		}
	}
}

// TestTwoSockets are one service: a client of one keeps those of the other
// waiting.
func TestTwoSockets(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Sockets: 2, Args: []string{"-m", "2"}})
	one, two := d.DialTo(1), d.DialTo(0)
	d.Says(taken)
	d.Silent()
	must(t, one.Close())
	must(t, two.Close())
	d.Says(available, taken, available)
	d.Exits(0)
	d.Silent()
}

// TestMaxUse: clients that were sent away at once count as well.
func TestMaxUse(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Main: "max_use = 3\n", Args: []string{"refuse"}})
	for range 3 {
		if got := ended(t, d.Dial()); got != "" {
			t.Errorf("got %q", got)
		}
		d.Says(taken, available)
	}
	d.Exits(0)
	d.Silent()
	// What comes all at once is taken one by one.
	d = mastertest.Start(t, mastertest.Options{Main: "max_use = 3\n", Args: []string{"refuse"}})
	for range 5 {
		d.Dial()
	}
	d.Exits(0)
	d.Says(taken, available, taken, available, taken, available)
	d.Silent()
}

// TestMaxIdle counts from the end of the last client, or from the start.
func TestMaxIdle(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Main: "max_idle = 1\n"})
	d.Exits(0)
	if _, took := d.Wait(); took < time.Second || took > mastertest.Patience/2 {
		t.Errorf("it ended after %s", took)
	}
	d.Silent()
	d = mastertest.Start(t, mastertest.Options{Args: []string{"-i", "1"}})
	conn := d.Dial()
	mastertest.Line(t, conn)
	d.Says(taken)
	// Meanwhile another process, begun later, comes to its end.
	mastertest.Start(t, mastertest.Options{Args: []string{"-i1"}}).Exits(0)
	if got := mastertest.Ask(t, conn, "still here"); got != "still here" {
		t.Errorf("got %q", got)
	}
	must(t, conn.Close())
	d.Says(available)
	d.Exits(0)
}

// TestRetire: -r seconds after its start a process ends, but not before its
// client has left.
func TestRetire(t *testing.T) {
	t.Parallel()
	idle := mastertest.Start(t, mastertest.Options{Args: []string{"-r", "1"}})
	busy := mastertest.Start(t, mastertest.Options{Args: []string{"-r", "1"}})
	conn := busy.Dial()
	mastertest.Line(t, conn)
	later := mastertest.Start(t, mastertest.Options{Args: []string{"-r", "1"}})
	later.Exits(0)
	idle.Exits(0)
	if got := mastertest.Ask(t, conn, "still here"); got != "still here" {
		t.Errorf("got %q", got)
	}
	must(t, conn.Close())
	busy.Exits(0)
	busy.Says(taken, available)
}

// TestReload: the end of the status channel ends an idle process at once, and
// a busy one after its client.
func TestReload(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{})
	busy := mastertest.Start(t, mastertest.Options{Master: d.Master})
	conn := d.Dial()
	mastertest.Line(t, conn)
	pid := int(d.Status().Pid)
	if pid == d.Pid {
		d, busy = busy, d
	}
	second := d.Dial() // is for the other one
	if pid := mastertest.Line(t, second); pid == "" {
		t.Error("nobody is there for a second client")
	}
	must(t, second.Close())
	d.Says(taken, available)
	d.Reload()
	d.Exits(0)
	if got := mastertest.Ask(t, conn, "still here"); got != "still here" {
		t.Errorf("got %q", got)
	}
	waiting := d.Dial() // is for processes to come
	must(t, conn.Close())
	busy.Exits(0)
	must(t, waiting.Close())
}

// TestUnreadStatus: a master that does not read makes nobody wait, and loses
// no more than the comings and goings in between.
func TestUnreadStatus(t *testing.T) {
	t.Parallel()
	m := mastertest.New(t, mastertest.Options{})
	skip := m.Unread()
	d := mastertest.Start(t, mastertest.Options{Master: m, Args: []string{"-m4"}})
	for i := range 3 {
		conn := d.Dial()
		if got := mastertest.Ask(t, conn, "client"); got != "hello daemon unix" {
			t.Errorf("client %d: got %q", i, got)
		}
		must(t, conn.Close())
	}
	conn := d.Dial()
	mastertest.Line(t, conn)
	for range skip {
		if s := d.Status(); s.Pid != -1 {
			t.Errorf("got %+v among those that were there", s)
		}
	}
	d.Says(taken)
	must(t, conn.Close())
	d.Says(available)
	d.Exits(0)
}

// TestStandAlone: -S serves standard input, and speaks to no master.
func TestStandAlone(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	theirs := os.NewFile(uintptr(fds[1]), "theirs")
	ours := os.NewFile(uintptr(fds[0]), "ours")
	conn, err := net.FileConn(ours)
	must(t, err)
	must(t, ours.Close())
	d := mastertest.Start(t, mastertest.Options{Transport: "-", Stdin: theirs, NoStatus: true, Args: []string{"-S", "-n", "it"}})
	must(t, theirs.Close())
	if got := mastertest.Ask(t, conn, "one"); got != "hello it unix" {
		t.Errorf("got %q", got)
	}
	if got := mastertest.Line(t, conn); got != "one" {
		t.Errorf("got %q", got)
	}
	must(t, conn.Close())
	d.Exits(0)
}

// TestFatal: the service's word is the last, and its client sees the end when
// the process ends.
func TestFatal(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{})
	conn := d.Dial()
	mastertest.Line(t, conn)
	began := time.Now()
	_, err := conn.Write([]byte("fatal so it is\nmore\n"))
	must(t, err)
	if got := ended(t, conn); got != "more\n" || time.Since(began) < pause { // the callback runs to its end
		t.Errorf("got %q after %s", got, time.Since(began))
	}
	d.Exits(1)
	d.Says(taken)
	d.Silent()
	if !strings.Contains(d.Log(), "fatal: so it is") {
		t.Error("the log does not say why")
	}
}

// TestTooManyErrors: with the thirteenth a process gives up.
func TestTooManyErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-V"}} {
		d := mastertest.Start(t, mastertest.Options{Args: args})
		conn := d.Dial()
		mastertest.Line(t, conn)
		for i := range maxErrors {
			if got := mastertest.Ask(t, conn, "error number "+strconv.Itoa(i)); got != "logged" {
				t.Errorf("got %q", got)
			}
		}
		d.Exits(1)
		if !strings.Contains(d.Log(), "fatal: too many errors - program terminated") {
			t.Error("the log does not say why")
		}
	}
}

// TestManyProcessesServeAll: clients that come all at once are all served, by
// many processes that share a socket and come and go.
func TestManyProcessesServeAll(t *testing.T) {
	t.Parallel()
	const processes, clients = 10, 100
	m := mastertest.New(t, mastertest.Options{})
	for range processes {
		mastertest.Start(t, mastertest.Options{Master: m, Args: []string{"-m", strconv.Itoa(clients / processes)}})
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = m.Dial()
		_, err := conns[i].Write([]byte("pid\n"))
		must(t, err)
	}
	served := map[string]int{}
	for len(conns) > 0 { // whoever is served first leaves first
		i := readableOne(t, conns)
		mastertest.Line(t, conns[i])
		served[mastertest.Line(t, conns[i])]++
		must(t, conns[i].Close())
		conns = slices.Delete(conns, i, i+1)
	}
	for pid, n := range served {
		if n != clients/processes {
			t.Errorf("process %s served %d clients", pid, n)
		}
	}
}

// readableOne returns a connection on which something has come.
func readableOne(t *testing.T, conns []net.Conn) int {
	t.Helper()
	set := make([]unix.PollFd, len(conns))
	for i, conn := range conns {
		raw, err := conn.(*net.UnixConn).SyscallConn()
		must(t, err)
		must(t, raw.Control(func(fd uintptr) { set[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} }))
	}
	n, err := unix.Poll(set, int(mastertest.Patience/time.Millisecond))
	for err == unix.EINTR {
		n, err = unix.Poll(set, int(mastertest.Patience/time.Millisecond))
	}
	if err != nil || n <= 0 {
		t.Fatalf("no client of %d is served: %v", len(conns), err)
	}
	return slices.IndexFunc(set, func(p unix.PollFd) bool { return p.Revents != 0 })
}
