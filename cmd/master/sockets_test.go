// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// activate has the next master started with sockets, by a shell that knows its
// own number. names may be short of some.
func (s *stage) activate(names string, sockets ...interface{ File() (*os.File, error) }) {
	s.t.Helper()
	for _, l := range sockets {
		f, err := l.File()
		must(s.t, err)
		s.t.Cleanup(func() { _ = f.Close() })
		s.files = append(s.files, f)
	}
	must(s.t, s.write("become", fmt.Sprintf("LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s exec bin/master -d\n", len(sockets), names)))
}

func listenTCP(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

func listenUnix(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.UnixListener)
}

// TestSocketActivation: sockets by their addresses, by their names, and those
// that are nobody's; through reloads, and after the end.
func TestSocketActivation(t *testing.T) {
	s := newStage(t)
	byAddress, byName, nobodys := listenTCP(t, "127.0.0.1:0"), listenTCP(t, "127.0.0.1:0"), listenTCP(t, "127.0.0.1:0")
	must(t, os.MkdirAll(s.dir+"/run/public", 0o755))
	byPath, elsewhere := listenUnix(t, s.dir+"/run/public/path"), listenUnix(t, s.dir+"/elsewhere")
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.dir + "/datagrams", Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = datagrams.Close() })
	s.vars = append(s.vars, "@A@", byAddress.Addr().String(), "@B@", byName.Addr().String(), "@C@", nobodys.Addr().String())
	const services = `
rootless = true
state = "run"
[log]
to = "stderr"
[parameters]
import_environment = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
export_environment = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
[[service]]
listen = "unix:public/path"
run = ["/bin/cat"]
[[service]]
listen = "unix:private/named"
command = "daemon"
wakeup = "1h"
[[service]]
listen = 7
run = ["/usr/bin/env"]
`
	const withA = services + `
[[service]]
listen = "@A@"
command = "daemon"
`
	must(t, s.write("postloop.toml", withA))
	must(t, s.write("with.toml", withA))
	must(t, s.write("without.toml", services))
	s.activate("x.socket:7:unknown:unknown:named:y", byAddress, byName, nobodys, byPath, elsewhere, datagrams)
	must(t, datagrams.Close())
	s.play("sockets_test", `
		start become
		log warning: inherited socket 5 \(@C@\): no service has this address or name -- nobody is served there
		log warning: inherited socket 8 "y": not a listening stream socket -- ignored
		dial a @A@
		send a hello
		expect a ^\d+ says hello$
		dial b @B@
		eof b
		dial c unix:run/public/path
		send c hello
		expect c ^hello$
		dial d unix:elsewhere
		send d hello
		expect d ^\d+ says hello$
		# The environment is not for others.
		dial e @B@
		expect e ^PATH=
		eof e

		# A service that is removed, and comes back: who came meanwhile has waited.
		copy without.toml postloop.toml
		signal HUP
		log warning: inherited socket 3 "x.socket" \(@A@\): no service has this
		eof a
		dial f @A@
		copy with.toml postloop.toml
		signal HUP
		send f hello
		expect f ^\d+ says hello$
		signal TERM
		exit TERM`)
	// Whoever has opened them has them still.
	c, err := net.Dial("tcp", byAddress.Addr().String())
	must(t, err)
	defer c.Close()
	got, err := byAddress.Accept()
	must(t, err)
	_ = got.Close()
}

// TestSocketActivate: systemd's own program is the parent.
func TestSocketActivate(t *testing.T) {
	parent, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed")
	}
	s := newStage(t)
	must(t, s.write("postloop.toml", `
rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "127.0.0.1:@PORT@"
run = ["/bin/cat"]
[[service]]
listen = 9
name = "nine"
run = ["/bin/cat"]
`))
	must(t, s.write("become", "exec "+strings.Join([]string{
		parent, "-l", "127.0.0.1:@PORT@", "-l", "@DIR@/nine", "-l", "127.0.0.1:@PORT2@", "--fdname=one:two:nine", "@DIR@/bin/master", "-d", "-c", "@DIR@",
	}, " ")+"\n"))
	s.play("sockets_test", `
		start become
		log Listening on .*@PORT2@
		dial a 127.0.0.1:@PORT@
		log warning: inherited socket 4 "two" \(@DIR@/nine\): no service has this
		send a hello
		expect a ^hello$
		dial b 127.0.0.1:@PORT2@
		send b hello
		expect b ^hello$
		signal TERM
		exit TERM`)
}

// TestSocketsUnreadable: a number of sockets that is none.
func TestSocketsUnreadable(t *testing.T) {
	s := newStage(t)
	must(t, s.write("postloop.toml", notifyServices))
	must(t, s.write("become", "LISTEN_PID=$$ LISTEN_FDS=all exec bin/master -d\n"))
	s.play("sockets_test", "start become\nlog warning: LISTEN_FDS=all: no number of sockets -- ignored\nlog daemon started\nsignal TERM\nexit TERM")
}
