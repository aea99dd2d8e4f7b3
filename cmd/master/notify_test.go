// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// manager is the service manager of a stage.
type manager struct {
	s    *stage
	conn *net.UnixConn
	dogs int // signs of life so far
}

func newManager(t *testing.T) *manager {
	t.Helper()
	s := newStage(t)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.dir + "/notify", Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	s.env = append(s.env, "NOTIFY_SOCKET="+s.dir+"/notify")
	return &manager{s: s, conn: conn}
}

// next returns the next message that is no sign of life, unless all are wanted.
func (m *manager) next(all bool) string {
	m.s.t.Helper()
	buf := make([]byte, 4096)
	for {
		must(m.s.t, m.conn.SetReadDeadline(m.s.deadline))
		n, err := m.conn.Read(buf)
		if err != nil {
			m.s.t.Fatalf("no message: %v", err)
		}
		text := string(buf[:n])
		if text != "WATCHDOG=1" {
			return text
		}
		if m.dogs++; all {
			return text
		}
	}
}

// expect wants the next message to be like want in whole.
func (m *manager) expect(want string) {
	m.s.t.Helper()
	if got := m.next(false); !regexp.MustCompile("^(?:" + want + ")$").MatchString(got) {
		m.s.t.Fatalf("the manager is told\n%s\nwant\n%s", got, want)
	}
}

// await is expect where the state may be told in between, which changes when a
// process is seen to have ended.
func (m *manager) await(want string) {
	m.s.t.Helper()
	re := regexp.MustCompile("^(?:" + want + ")$")
	for {
		got := m.next(false)
		if re.MatchString(got) {
			return
		}
		if !strings.HasPrefix(got, "STATUS=") {
			m.s.t.Fatalf("the manager is told\n%s\nwant\n%s", got, want)
		}
	}
}

func (m *manager) do(lines ...string) {
	m.s.t.Helper()
	m.s.play("notify_test", strings.Join(lines, "\n"))
}

const notifyServices = `
rootless = true
state = "run"
[log]
to = "stderr"
[parameters]
import_environment = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAIL_CONFIG"]
export_environment = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "HERE=1"]
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
[[service]]
listen = "unix:public/env"
run = ["/usr/bin/env"]
[[service]]
listen = "unix:public/broken"
command = "broken"
`

// TestNotify: what the service manager is told, in order, from the start to
// the end.
func TestNotify(t *testing.T) {
	m := newManager(t)
	must(t, m.s.write("postloop.toml", notifyServices))
	must(t, m.s.write("bad.toml", notifyServices+"limit = 0\n"))
	must(t, m.s.write("become", "WATCHDOG_PID=$$ WATCHDOG_USEC=100000 exec bin/master -d\n"))
	m.do("start become")
	if got := m.next(true); got != "WATCHDOG=1" { // from the loop's first turn on
		t.Errorf("the first message is %q", got)
	}
	m.expect("READY=1\nSTATUS=3 services, 0 processes")

	// Who comes and goes is told, a second at least after the last time.
	m.do("dial a unix:run/public/echo", "send a hello", "expect a ^hello$")
	m.await("STATUS=3 services, 0 processes, 1 client of the master's own")
	m.do("close a")
	m.expect("STATUS=3 services, 0 processes")
	m.do("dial b unix:run/public/broken", `log throttled`)
	m.await("STATUS=3 services, 0 processes; throttled: broken/unix")

	// Nothing that is started speaks for the master.
	c, err := m.s.connect("unix:run/public/env")
	must(t, err)
	env, err := io.ReadAll(c)
	must(t, err)
	must(t, c.Close())
	if text := string(env); !strings.Contains(text, "HERE=1\n") || strings.Contains(text, "NOTIFY_") || strings.Contains(text, "WATCHDOG_") {
		t.Errorf("a command has\n%s", text)
	}

	m.do("signal HUP")
	m.await(`RELOADING=1\nMONOTONIC_USEC=\d+`)
	m.await("READY=1\nSTATUS=3 services, 0 processes.*; throttled: broken/unix")
	m.do("copy bad.toml postloop.toml", "signal HUP")
	m.await(`RELOADING=1\nMONOTONIC_USEC=\d+`)
	m.await(`READY=1\nSTATUS=3 services, 0 processes.*; throttled: broken/unix; reload refused, running with the configuration before it: .*postloop\.toml, line \d+: limit: .*`)

	dogs := m.dogs
	for m.dogs < dogs+3 { // it is one loop that does all that
		if got := m.next(true); got != "WATCHDOG=1" && !strings.HasPrefix(got, "STATUS=") {
			t.Fatalf("the manager is told %q", got)
		}
	}
	m.do("signal TERM")
	m.await("STOPPING=1\nSTATUS=terminating on signal 15")
	m.do("exit TERM")
}

// TestNotifyWatchdogOfAnother: who is not meant gives no sign of life.
func TestNotifyWatchdogOfAnother(t *testing.T) {
	m := newManager(t)
	m.s.env = append(m.s.env, "WATCHDOG_USEC=20000", "WATCHDOG_PID=1")
	must(t, m.s.write("postloop.toml", notifyServices))
	m.do("start -d")
	m.expect("READY=1\nSTATUS=3 services, 0 processes")
	m.do("dial a unix:run/public/echo") // whose status comes a second later
	m.expect("STATUS=3 services, 0 processes, 1 client of the master's own")
	m.do("signal TERM")
	m.expect("STOPPING=1\nSTATUS=terminating on signal 15")
	m.do("exit TERM")
	if m.dogs != 0 {
		t.Errorf("%d signs of life", m.dogs)
	}
}

// TestNotifyFailure: why it cannot start.
func TestNotifyFailure(t *testing.T) {
	m := newManager(t)
	must(t, m.s.write("postloop.toml", notifyServices+"limit = 0\n"))
	m.do("start -d")
	m.expect(`STATUS=.*postloop\.toml, line \d+: limit: .*\nERRNO=22`)
	m.do("exit 1")
	must(t, m.s.write("postloop.toml", strings.Replace(notifyServices, `"run"`, `"notify/state"`, 1)))
	m.do("start -d")
	m.expect(`STATUS=.*notify.*\nERRNO=20`)
	m.do("exit 1")
}

// TestNotifyMainPID: the process that the manager has started is not the
// master, and says who is.
func TestNotifyMainPID(t *testing.T) {
	m := newManager(t)
	must(t, m.s.write("postloop.toml", notifyServices))
	m.do("run 0 -w", "detached")
	m.expect(fmt.Sprintf("READY=1\nSTATUS=3 services, 0 processes\nMAINPID=%d", m.s.pid))
	m.do("signal TERM", "gone")
}

// TestNotifyFull: a manager that does not read holds up nobody, and gets what
// it has missed.
func TestNotifyFull(t *testing.T) {
	m := newManager(t)
	c, err := net.Dial("unixgram", m.s.dir+"/notify")
	must(t, err)
	defer c.Close()
	sent := 0
	for ; err == nil; sent++ {
		must(t, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		_, err = c.Write([]byte("FILL=1"))
	}
	var full net.Error
	if !errors.As(err, &full) || !full.Timeout() {
		t.Fatal(err)
	}
	must(t, m.s.write("postloop.toml", notifyServices))
	m.do("start -d", "log daemon started", "dial a unix:run/public/echo", "send a hello", "expect a ^hello$", "signal HUP", "log reload --")
	for range sent - 1 {
		m.expect("FILL=1")
	}
	m.expect("READY=1\nSTATUS=3 services, 0 processes")
	for got := m.next(false); ; got = m.next(false) { // the state may have been told in between
		if strings.HasPrefix(got, "RELOADING=1") {
			break
		}
		if !strings.HasPrefix(got, "STATUS=") {
			t.Fatalf("the manager is told %q", got)
		}
	}
	m.expect("(?s)READY=1\n.*")
	m.do("signal TERM", "exit TERM")
}

// TestNotifyNobody: an address that nobody listens on, or that is none, is a
// warning.
func TestNotifyNobody(t *testing.T) {
	for address, lines := range map[string]string{
		"@DIR@/nobody": "log daemon started\nlog warning: service manager: sendto: no such file or directory",
		"vsock:2:1":    "log warning: NOTIFY_SOCKET=vsock:2:1: neither an absolute path nor an abstract name\nlog daemon started",
	} {
		s := newStage(t)
		must(t, s.write("postloop.toml", notifyServices))
		s.env = append(s.env, "NOTIFY_SOCKET="+s.expand(address))
		s.play("notify_test", "start -d\n"+lines+"\nsignal TERM\nexit TERM")
	}
}

// TestKeepUnsent: a manager that does not listen for long hears in the end what has
// become of a reload, and no state that is not true any more.
func TestKeepUnsent(t *testing.T) {
	var list [][]string
	for n := range 2 * unsentLimit {
		for _, m := range [][]string{{"STATUS=a"}, {"RELOADING=1", fmt.Sprint(n)}, {"STATUS=b"}, {"READY=1", "STATUS=c", fmt.Sprint(n)}} {
			list = keepUnsent(list, m)
		}
	}
	if len(list) != unsentLimit {
		t.Errorf("%d wait", len(list))
	}
	for i, m := range list {
		if n := 2*unsentLimit - (unsentLimit-i+1)/2; m[len(m)-1] != fmt.Sprint(n) || (i%2 == 0) != (m[0] == "RELOADING=1") {
			t.Errorf("%d: %q", i, m)
		}
	}
}
