// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]endpoint{
		"inet:host.example:25":     {name: "host.example:25", host: "host.example", port: "25"},
		"inet:[::1]:memcache":      {name: "[::1]:memcache", host: "::1", port: "memcache"},
		"inet:11211":               {name: "11211", host: "localhost", port: "11211"},
		"inet::smtp":               {name: ":smtp", host: "localhost", port: "smtp"},
		"unix:/path:with/colon":    {name: "/path:with/colon", path: "/path:with/colon"},
		"unix:private/relative":    {name: "private/relative", path: "private/relative"},
		"inet:127.0.0.1:65535":     {name: "127.0.0.1:65535", host: "127.0.0.1", port: "65535"},
		"inet:xn--mller.example:1": {name: "xn--mller.example:1", host: "xn--mller.example", port: "1"},
	} {
		if got, err := parseEndpoint(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                                  `need service transport:endpoint instead of ""`,
		"host":                              `need service transport:endpoint instead of "host"`,
		"127.0.0.1:25":                      "invalid transport name: 127.0.0.1 in service: 127.0.0.1:25",
		"unix:":                             `need service transport:endpoint instead of "unix:"`,
		"inet:127.0.0.1":                    "127.0.0.1: garbage after numerical service",
		"inet:host:1x":                      "host:1x: garbage after numerical service",
		"inet:host:":                        "host:: missing service name or number",
		"inet:host:65536":                   "host:65536: no port has such a number",
		"inet:[::1":                         `[::1: missing "]"`,
		"inet:[::1]":                        `[::1]: garbage after "]"`,
		"inet:[::1]x:25":                    `[::1]x:25: garbage after "]"`,
		"unix:/" + strings.Repeat("x", 200): "unix-domain name too long: /" + strings.Repeat("x", 200),
	} {
		if got, err := parseEndpoint(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

func TestFindPort(t *testing.T) {
	const services = "# comment\nsmtp 25/tcp mail # alias\ndomain 53/udp\ndomain\t53/tcp\nbad x/tcp\nshort\nbig 99999/tcp\n"
	for name, want := range map[string]int{"smtp": 25, "mail": 25, "domain": 53, "alias": 0, "bad": 0, "short": 0, "nosuch": 0, "25/tcp": 0, "big": 0} {
		if n, ok := findPort(services, name); ok != (want > 0) || ok && n != want {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
}

// dialed is how a dialing has ended.
type dialed struct {
	fd   int
	err  error
	here bool
}

func (w *netWorld) dial(to string, limit time.Duration) (*dialed, *dialing) {
	w.t.Helper()
	end, err := parseEndpoint(to)
	w.must(err)
	r := &dialed{fd: -1}
	return r, w.Env.dial(end, limit, func(fd int, err error) {
		if r.here {
			w.t.Error("called twice")
		}
		*r = dialed{fd, err, true}
		if fd >= 0 {
			w.must(unix.Close(fd))
		}
	})
}

func (w *netWorld) reaches(to string) error {
	w.t.Helper()
	r, _ := w.dial(to, time.Second)
	w.until(func() bool { return r.here })
	return r.err
}

func TestDial(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	nobody := func(string) saying { return saying{} }
	s4 := newFake(w, "tcp", "127.0.0.1:0", readLine, nobody)
	_, port, _ := net.SplitHostPort(s4.addr)
	s1 := newFake(w, "unix", w.dir+"/s", readLine, nobody)
	for _, to := range []string{"inet:" + s4.addr, "unix:" + s1.addr, "inet:localhost:" + port, "inet:LocalHost:" + port, "inet:" + port} {
		if err := w.reaches(to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil { // not every machine has it
		_ = ln.Close()
		s6 := newFake(w, "tcp6", "[::1]:0", readLine, nobody)
		if err := w.reaches("inet:" + s6.addr); err != nil {
			t.Error(err)
		}
		w.Main.Set("inet_protocols", "ipv4")
		if err := w.reaches("inet:" + s6.addr); err == nil {
			t.Error("IPv6 was not wanted")
		}
		if err := w.reaches("inet:localhost:" + port); err != nil {
			t.Error(err)
		}
		w.Main.Set("inet_protocols", "all")
	}
	w.log = nil
	// Names are asked for, and addresses tried in their order.
	var asked []string
	w.Host = func(name string, later func(Answer)) Answer {
		asked = append(asked, name)
		w.Loop.After(0, func() { later(Answer{Value: "127.0.0.2 nonsense\n127.0.0.1"}) })
		return Answer{Status: Later}
	}
	if err := w.reaches("inet:host.example:" + port); err != nil || !reflect.DeepEqual(asked, []string{"host.example"}) {
		t.Error(err, asked)
	}
	if err := w.reaches("inet:127.0.0.1:" + port); err != nil || len(asked) != 1 {
		t.Error(err, asked)
	}
	for _, row := range []struct {
		answer Answer
		want   string
	}{
		{Answer{Status: NoKey}, "Name or service not known"},
		{Answer{Status: Retry}, "Temporary failure in name resolution"},
		{Answer{Value: ""}, "Name or service not known"},
	} {
		w.Host = func(string, func(Answer)) Answer { return row.answer }
		err := w.reaches("inet:host.example:" + port)
		if text := w.logged(); !errors.Is(err, unix.EADDRNOTAVAIL) || text != "warning: host or service host.example:"+port+" not found: "+row.want {
			t.Errorf("%v, %s", err, text)
		}
	}
}

// TestDialWaits: neither a name service nor a server that does not accept is
// waited for longer than was asked.
func TestDialWaits(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	w.Host = func(string, func(Answer)) Answer { return Answer{Status: Later} }
	ln, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	w.must(err)
	defer unix.Close(ln)
	w.must(unix.Bind(ln, &unix.SockaddrUnix{Name: w.dir + "/full"}))
	w.must(unix.Listen(ln, 0))
	var taken []int
	for {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		w.must(err)
		w.must(unix.SetNonblock(fd, true))
		taken = append(taken, fd)
		if unix.Connect(fd, &unix.SockaddrUnix{Name: w.dir + "/full"}) != nil {
			break
		}
	}
	for _, to := range []string{"inet:host.example:25", "unix:" + w.dir + "/full"} {
		r, _ := w.dial(to, 2*time.Second)
		looptest.Advance(w.Loop, 2*time.Second-fullBacklog)
		if r.here {
			t.Errorf("%s: given up early: %v", to, r.err)
		}
		looptest.Advance(w.Loop, 2*fullBacklog)
		if !errors.Is(r.err, unix.ETIMEDOUT) {
			t.Errorf("%s: %+v", to, r)
		}
		gone, d := w.dial(to, 2*time.Second)
		looptest.Advance(w.Loop, time.Second)
		d.cancel()
		looptest.Advance(w.Loop, 2*time.Second)
		if gone.here {
			t.Errorf("%s: called after cancel", to)
		}
	}
	// It is reached as soon as there is room.
	r, _ := w.dial("unix:"+w.dir+"/full", 2*time.Second)
	looptest.Advance(w.Loop, time.Second)
	for _, fd := range taken {
		_ = unix.Close(fd)
	}
	for range taken[1:] {
		fd, _, err := unix.Accept(ln)
		w.must(err)
		_ = unix.Close(fd)
	}
	looptest.Advance(w.Loop, fullBacklog)
	if !r.here || r.err != nil {
		t.Errorf("%+v", r)
	}
}
