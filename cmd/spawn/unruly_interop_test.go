// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// unruly are commands that do not do what they should. Each says something
// when it has come as far as it wants to.
var unruly = []struct {
	name, argv string
	client     func(net.Conn) // what it does once the command has said something; nil: it waits for the end
	ends       string         // what it then sees; empty: it does not look
}{
	{name: "stubborn", argv: "/bin/sh -c { trap '' TERM HUP INT QUIT; echo ready; while :; do sleep 1000; done }", ends: `"" end`},
	{name: "family", argv: "/bin/sh -c { for i in 1 2 3 4 5; do sleep 1000 & (sleep 1000; :) & done; echo ready; wait }", ends: `"" end`},
	{name: "closing", argv: "/bin/sh -c { echo ready; exec <&- >&- 2>&-; sleep 1000 }", ends: `"" end`},
	{name: "stopped", argv: "/bin/sh -c { echo ready; kill -STOP $$ }", ends: `"" end`},
	{name: "spinning", argv: "/bin/sh -c { echo ready; while :; do :; done }", ends: `"" end`},
	// It is the one who writes that learns of the reset.
	{name: "deaf", argv: "/bin/sh -c { echo ready; exec sleep 1000 }", client: flood, ends: `"" end`},
	{name: "mute", argv: "/bin/sh -c { echo ready; exec sleep 1000 }", ends: `"" end`},
	{name: "flooding", argv: "/usr/bin/yes ready", client: func(net.Conn) {}},
	{name: "left", argv: "/bin/sh -c { echo ready; exec sleep 1000 }", client: func(c net.Conn) { _ = c.Close() }},
}

// flood says more than anybody could want to hear, until the other side resets.
func flood(c net.Conn) {
	block := make([]byte, 64<<10)
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// TestUnrulyCommands runs many commands of every bad kind at once, with clients
// that are no better, until their time is over. All the while another service
// answers without delay, and in the end nothing is left of them.
func TestUnrulyCommands(t *testing.T) {
	for _, c := range combinations {
		if c.ours() {
			t.Run(c.name, func(t *testing.T) {
				runUnruly(t, c)
			})
		}
	}
}

func runUnruly(t *testing.T, c combination) {
	const each = 3                                     // clients of every kind
	const limit, patience = 3, 2500 * time.Millisecond // who has to wait for the end of a command waits longer
	var services strings.Builder
	echo := pftest.FreeAddr(t)
	fmt.Fprintf(&services, "%s inet n n n - 0 spawn user=nobody argv=/bin/cat\n", echo)
	addrs := map[string]string{}
	for _, u := range unruly {
		addrs[u.name] = pftest.FreeAddr(t)
		fmt.Fprintf(&services, "%s inet n n n - 0 spawn -o command_time_limit=%d -o syslog_name=%s user=nobody argv=%s\n", addrs[u.name], limit, u.name, u.argv)
	}
	p := c.instance(t, pftest.Options{Services: services.String() + pftest.PostlogService})
	start(p)
	asked := endpoint{addr: echo}
	if got := ask(asked, "word"); got != `"word" end` {
		t.Fatalf("the quiet service answers %s", got)
	}
	p.Until("its command is gone", func() bool { return len(commands(p)) == 0 })
	p.Reload()
	p.Until("no process is left", func() bool { return len(p.Running("spawn")) == 0 })
	before := pftest.Descriptors(p.Pid())

	conns := map[string][]net.Conn{}
	var clients sync.WaitGroup
	for _, u := range unruly {
		for range each {
			conn, err := endpoint{addr: addrs[u.name]}.dial()
			noError(t, err)
			defer func() { _ = conn.Close() }()
			got := make([]byte, len("ready\n"))
			if _, err := conn.Read(got); err != nil || string(got) != "ready\n" {
				t.Fatalf("%s: %q, %v", u.name, got, err)
			}
			conns[u.name] = append(conns[u.name], conn)
			if u.client != nil {
				clients.Go(func() { u.client(conn) })
			}
		}
	}

	// Not until a time, but until all of them have been killed, and often.
	var longest time.Duration
	n := 0
	for n < 200 || p.Count(`/spawn\[\d+\]: warning: command \S+ killed by signal 9$`) < each*len(unruly) {
		began := time.Now()
		if got, want := ask(asked, strconv.Itoa(n)), fmt.Sprintf(`"%d" end`, n); got != want {
			t.Fatalf("the quiet service answers %s, want %s", got, want)
		}
		longest = max(longest, time.Since(began))
		n++
		if n > 50_000 {
			t.Fatal("they go on and on")
		}
	}
	t.Logf("asked %d times meanwhile; the longest answer took %v", n, longest)
	if longest > patience {
		t.Errorf("somebody else had to wait %v for an answer", longest)
	}

	clients.Wait()
	for _, u := range unruly {
		if got := p.Count(u.name + `/spawn\[\d+\]: warning: \S+: process id \d+: command time limit exceeded$`); got != each {
			t.Errorf("%s: %d commands have exceeded their time by the log, want %d", u.name, got, each)
		}
		if u.ends == "" {
			continue
		}
		for _, conn := range conns[u.name] {
			if got := read(conn); got != u.ends {
				t.Errorf("%s: the client sees %s, want %s", u.name, got, u.ends)
			}
		}
	}
	p.Until("nobody is left", func() bool { return len(commands(p)) == 0 })
	p.Reload() // so that processes leave, and with them what the master has for their services
	p.Until("no process is left", func() bool { return len(p.Running("spawn")) == 0 })
	pftest.HoldsSteady(t, p.Pid(), before)
	end(t, p)
}

// commands returns the processes of an instance that run no daemon of it.
func commands(p *pftest.Instance) (list []int) {
	for _, pid := range p.Processes() {
		exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		if err == nil && !strings.HasPrefix(exe, p.Dir+"/") {
			list = append(list, pid)
		}
	}
	return list
}

// TestStubbornCommandsAtTheEnd: a master that ends takes the commands with it,
// as politely as they let it.
func TestStubbornCommandsAtTheEnd(t *testing.T) {
	p := hosted.instance(t, pftest.Options{
		Main: map[string]string{"service_stop_time_limit": "500ms"},
		Services: "polite unix n n n - 0 spawn user=nobody argv=/bin/sh -c { trap 'echo bye; exit 0' TERM; echo ready; read x }\n" +
			"stubborn unix n n n - 0 spawn user=nobody argv=/bin/sh -c { trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1000; done }\n" + pftest.PostlogService,
	})
	start(p)
	var conns []net.Conn
	for _, name := range []string{"polite", "stubborn"} {
		c, err := endpoint{addr: p.Queue + "/public/" + name}.dial()
		noError(t, err)
		defer func() { _ = c.Close() }()
		_, err = c.Read(make([]byte, len("ready\n")))
		noError(t, err)
		conns = append(conns, c)
	}
	noError(t, unix.Kill(p.Pid(), unix.SIGTERM))
	if got := read(conns[0]); got != `"bye\n" end` {
		t.Errorf("the polite one's client sees %s", got)
	}
	if got := read(conns[1]); got != `"" end` {
		t.Errorf("the stubborn one's client sees %s", got)
	}
	p.AllGone()
}
