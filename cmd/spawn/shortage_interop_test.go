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

// TestNoThread: no process can be made, from the very start, and so no thread.
// What the Go runtime wants for itself it has to have by then, whatever the
// master does. The log daemon is gone after the first reload.
func TestNoThread(t *testing.T) {
	for range 3 {
		g := pftest.NewCgroup(t)
		const service = " unix n n n - 0 spawn user=nobody argv=/bin/cat\n"
		p := hosted.instance(t, pftest.Options{Services: "local" + service + pftest.PostlogService})
		start(p)
		master := p.Pid()
		g.Add(master)
		g.Limit(0)
		var clients []net.Conn
		for i := range 30 {
			clients = append(clients, wait(t, endpoint{addr: p.Queue + "/public/local"})...)
			name := fmt.Sprintf("new%d", i)
			p.SetServices("local" + service + name + service + pftest.PostlogService)
			noError(t, unix.Kill(master, unix.SIGHUP))
			p.Until("the master has reloaded, or is gone", func() bool {
				c, err := endpoint{addr: p.Queue + "/public/" + name}.dial()
				if err == nil {
					clients = append(clients, c)
				}
				return err == nil || !p.Alive()
			})
			if !p.Alive() {
				t.Fatalf("the master is gone after %d clients and reloads", i+1)
			}
		}
		g.Unlimit()
		for _, c := range clients {
			_ = c.Close()
		}
		if got := ask(endpoint{addr: p.Queue + "/public/local"}, "word"); got != `"word" end` {
			t.Errorf("a client sees %s", got)
		}
		end(t, p)
	}
}

// TestNoProcessForAProcess: where processes serve, the master may be unable to
// make one, and they may be unable to make a command. It is logged in
// Postfix's words, and is over when it is over.
func TestNoProcessForAProcess(t *testing.T) {
	for _, c := range combinations {
		if c.hosted {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			masters, programs := pftest.NewCgroup(t), pftest.NewCgroup(t)
			addr := pftest.FreeAddr(t)
			p := c.instance(t, pftest.Options{
				Main:     map[string]string{"service_throttle_time": "1s"},
				Services: addr + " inet n n n - 0 spawn user=nobody argv=/bin/cat\n" + pftest.PostlogService,
			})
			start(p)

			// The master. Its client waits.
			masters.Add(p.Pid())
			masters.Limit(0)
			client := wait(t, endpoint{addr: addr})[0]
			p.WaitLog(`postfix/master\[\d+\]: warning: master_spawn: fork: Resource temporarily unavailable -- throttling$`)
			if !waiting(client) {
				t.Error("the client does not wait")
			}
			masters.Unlimit()
			if got := read(client); got != `"word 0" end` {
				t.Errorf("the client who waited sees %s", got)
			}

			// The process, which has served already. It ends, and its client with it.
			p.Until("one process serves", func() bool { return len(p.Running("spawn")) == 1 && len(commands(p)) == 0 })
			process := p.Running("spawn")[0]
			programs.Add(process)
			programs.Limit(0)
			if got := ask(endpoint{addr: addr}, ""); got != `"" end` {
				t.Errorf("the client sees %s", got)
			}
			p.WaitLog(`postfix/spawn\[\d+\]: fatal: fork: Resource temporarily unavailable$`)
			status := "1"
			if c.ourProgram { // for the second that it waits before it ends the Go runtime may want a thread, and end it at once
				status = "[12]"
			}
			p.WaitLog(`postfix/master\[\d+\]: warning: process .*/sbin/spawn pid \d+ exit status ` + status + `$`)
			if got := ask(endpoint{addr: addr}, "word"); got != `"word" end` {
				t.Errorf("the next client sees %s", got)
			}
			if bad := p.Complaints(); len(bad) != 3 {
				t.Errorf("complaints: %q", bad)
			}
			end(t, p)
		})
	}
}

// TestNoProcessForTheUser: RLIMIT_NPROC does not bind root, but the command's
// user: exec fails. With a process per client it is logged as with Postfix, and
// the client is let go; hosted, it is like any other shortage. In either case
// it is over when it is over.
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
			restore := func() { noError(t, unix.Prlimit(p.Pid(), unix.RLIMIT_NPROC, &was, nil)) }
			complaints := 2
			if c.hosted {
				complaints = 1
				client := wait(t, endpoint{addr: addr})[0]
				p.WaitLog(`postfix/master\[\d+\]: warning: service "` + addr + `" \S+: fork: Resource temporarily unavailable -- clients wait`)
				if !waiting(client) {
					t.Error("the client does not wait")
				}
				restore()
				if got := read(client); got != `"word 0" end` {
					t.Errorf("the client who waited sees %s", got)
				}
			} else {
				if got := ask(endpoint{addr: addr}, ""); got != `"" end` {
					t.Errorf("the client sees %s", got)
				}
				p.WaitLog(`postfix/spawn\[\d+\]: fatal: spawn_comand: execvp /bin/cat: Resource temporarily unavailable$`)
				p.WaitLog(`postfix/spawn\[\d+\]: warning: command /bin/cat exit status 1$`)
				restore()
			}
			if got := ask(endpoint{addr: addr}, "word"); got != `"word" end` {
				t.Errorf("the next client sees %s", got)
			}
			if got := talk(held, "word"); got != `"word" end` {
				t.Errorf("the one that was served before sees %s", got)
			}
			if got := p.Grep(`warning|fatal`); len(got) != complaints {
				t.Errorf("complaints: %q", got)
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
