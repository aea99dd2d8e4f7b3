// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// echoes makes an instance with two services that repeat what they hear, and
// returns their addresses and a client of the first that has been answered.
func echoes(t *testing.T, c combination) (p *pftest.Instance, inet, local endpoint, held *greeted) {
	t.Helper()
	inet.addr = pftest.FreeAddr(t)
	const command = "spawn user=nobody argv=/bin/sh -c { echo ready; exec cat }\n"
	p = c.instance(t, pftest.Options{
		Main:     map[string]string{"service_throttle_time": "1s"},
		Services: inet.addr + " inet n n n - 0 " + command + "local unix n n n - 0 " + command + pftest.PostlogService,
	})
	start(p)
	local.addr = p.Queue + "/public/local"
	for _, e := range []endpoint{inet, local} {
		if got := ask(e, "word"); got != `"ready\nword" end` {
			t.Fatalf("%s answers %s", e.addr, got)
		}
	}
	held = greet(t, inet.addr)
	held.answers(t, "here")
	return p, inet, local, held
}

// wait connects a client to each, which nobody can serve now. They say their
// word at once, and wait.
func wait(t *testing.T, ends ...endpoint) (clients []net.Conn) {
	t.Helper()
	for i, e := range ends {
		c, err := e.dial()
		noError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "word %d", i)
		noError(t, err)
		noError(t, c.(interface{ CloseWrite() error }).CloseWrite())
		clients = append(clients, c)
	}
	return clients
}

// served waits until all those who wait have been served.
func served(t *testing.T, clients []net.Conn) {
	t.Helper()
	for i, c := range clients {
		if got, want := read(c), fmt.Sprintf("%q end", fmt.Sprintf("ready\nword %d", i)); got != want {
			t.Errorf("client %d, who waited, is told %s, want %s", i, got, want)
		}
		_ = c.Close()
	}
}

// TestNoProcess: when no process can be made, clients keep their place, those
// who are served notice nothing, and once there is room again all is well,
// without anybody's doing.
func TestNoProcess(t *testing.T) {
	g := pftest.NewCgroup(t) // before the instance: it can go when that has gone
	p, inet, local, held := echoes(t, hosted)
	master := p.Pid()
	before := pftest.Descriptors(master)
	g.Add(master)
	for range 2 {
		said := len(p.Lines())
		g.Limit(0)
		clients := wait(t, inet, local, inet, inet, local)
		for _, name := range []string{`"` + inet.addr + `"`, `"local"`} {
			p.Until("the log says that clients of "+name+" wait", func() bool {
				return slices.ContainsFunc(p.Lines()[said:], func(line string) bool {
					return strings.Contains(line, "warning: service "+name) &&
						strings.Contains(line, "fork: Resource temporarily unavailable -- clients wait")
				})
			})
		}
		for i, c := range clients {
			if !waiting(c) {
				t.Errorf("client %d does not wait", i)
			}
		}
		held.answers(t, "still here")
		g.Unlimit()
		served(t, clients)
		for _, name := range []string{`"` + inet.addr + `"`, `"local"`} {
			p.Until("the log says that "+name+" is well", func() bool {
				return slices.ContainsFunc(p.Lines()[said:], func(line string) bool {
					return strings.Contains(line, "service "+name) && strings.Contains(line, "fork: processes can be made again")
				})
			})
		}
		if lines := p.Lines()[said:]; len(lines) != 4 {
			t.Errorf("the log has, of all this, %q", lines)
		}
	}
	held.leave(t)
	if p.Pid() != master {
		t.Errorf("process %d is the master, it was %d", p.Pid(), master)
	}
	pftest.HoldsSteady(t, master, before)
	end(t, p)
}

// TestNoProcessForTheUser: RLIMIT_NPROC does not bind root, but the command's
// user. exec then fails, which is logged as with Postfix, and is over when it
// is over.
func TestNoProcessForTheUser(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := pftest.FreeAddr(t)
			p := c.instance(t, pftest.Options{Services: addr + " inet n n n - 0 spawn -m 1 user=nobody argv=/bin/cat\n" + pftest.PostlogService})
			start(p)
			held, err := endpoint{addr: addr}.dial() // nobody has a process, and may have none
			noError(t, err)
			defer func() { _ = held.Close() }()
			p.Until("a command runs", func() bool { return len(commands(p)) == 1 })
			var was unix.Rlimit
			noError(t, unix.Prlimit(p.Pid(), unix.RLIMIT_NPROC, nil, &was))
			noError(t, unix.Prlimit(p.Pid(), unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 0, Max: was.Max}, nil))
			if got := ask(endpoint{addr: addr}, ""); got != `"" end` {
				t.Errorf("the client sees %s", got)
			}
			p.WaitLog(`postfix/spawn\[\d+\]: fatal: spawn_comand: execvp /bin/cat: Resource temporarily unavailable$`)
			p.WaitLog(`postfix/spawn\[\d+\]: warning: command /bin/cat exit status 1$`)
			noError(t, unix.Prlimit(p.Pid(), unix.RLIMIT_NPROC, &was, nil))
			if got := ask(endpoint{addr: addr}, "word"); got != `"word" end` {
				t.Errorf("the next client sees %s", got)
			}
			if got := talk(held, "word"); got != `"word" end` {
				t.Errorf("the one that was served before sees %s", got)
			}
			if n := p.Count(`warning|fatal`); n != 2 {
				t.Errorf("%d complaints: %q", n, p.Grep(`warning|fatal`))
			}
			end(t, p)
		})
	}
}

// TestNoDescriptor lets the master have no more descriptors than it has, and
// then one more after the other until that is enough for a command. Until then
// clients keep their place.
func TestNoDescriptor(t *testing.T) {
	p, inet, local, held := echoes(t, hosted)
	master := p.Pid()
	p.Until("only one command runs", func() bool { return len(commands(p)) == 1 })
	before := pftest.Descriptors(master)
	most := 0
	for fd := range before {
		most = max(most, fd)
	}
	var was unix.Rlimit
	noError(t, unix.Prlimit(master, unix.RLIMIT_NOFILE, nil, &was))
	enough := false
	for extra := 0; !enough; extra++ {
		if extra == 20 {
			t.Fatal("20 descriptors are not enough for two clients")
		}
		said := len(p.Lines())
		noError(t, unix.Prlimit(master, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(most + 1 + extra), Max: was.Max}, nil))
		clients := wait(t, inet, local)
		// Either there is a shortage, or both are served.
		p.Until("something happens", func() bool {
			enough = !slices.ContainsFunc(clients, waiting)
			return enough || slices.ContainsFunc(p.Lines()[said:], func(line string) bool {
				return strings.Contains(line, "Too many open files -- clients wait")
			})
		})
		held.answers(t, "still here")
		noError(t, unix.Prlimit(master, unix.RLIMIT_NOFILE, &was, nil))
		served(t, clients)
		if lines := p.Lines()[said:]; len(lines) > 8 {
			t.Errorf("with %d descriptors more than it needs, the log has %q", extra, lines)
		}
		p.Until("only one command runs", func() bool { return len(commands(p)) == 1 })
	}
	held.leave(t)
	if p.Pid() != master {
		t.Errorf("process %d is the master, it was %d", p.Pid(), master)
	}
	pftest.HoldsSteady(t, master, before)
	end(t, p)
}
