// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestBadInputNeverEndsTheMaster reloads with files that nobody can mean. The
// master answers in the log, goes on, and takes the next good configuration.
// No reload succeeds in between: the log daemon would start again, which it
// cannot without a main.cf.
func TestBadInputNeverEndsTheMaster(t *testing.T) {
	beyondPostfix(t, "it ends when a reload fails")
	addr := pftest.FreeAddr(t)
	services := addr + " inet n n n - 3 probe\n"
	p := probes(t, nil, services)
	visit(t, addr)
	before := pftest.Descriptors(p.Pid())
	main, master := p.Config+"/main.cf", p.Config+"/master.cf"
	good := map[string][]byte{}
	for _, file := range []string{main, master} {
		text, err := os.ReadFile(file)
		must(t, err)
		good[file] = text
	}
	appended := func(file, more string) func() error {
		return func() error {
			p.Restore(map[string][]byte{file: slices.Concat(good[file], []byte(more))})
			return nil
		}
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"no master.cf", func() error { return os.Remove(master) }},
		{"no main.cf", func() error { return os.Remove(main) }},
		{"no directory", func() error { return os.Rename(p.Config, p.Config+".away") }},
		{"master.cf is a directory", func() error { _ = os.Remove(master); return os.Mkdir(master, 0o755) }},
		{"master.cf links to itself", func() error { _ = os.Remove(master); return os.Symlink(master, master) }},
		{"main.cf is a fifo", func() error { _ = os.Remove(main); return unix.Mkfifo(main, 0o644) }},
		{"zeros in a name", appended(master, "x"+strings.Repeat("\x00", 40)+" unix n n n - 1 probe\n")},
		{"bytes that are no text", appended(master, "\xff\xfe\x80 \xc3\x28 n n n - 1 probe\n")},
		{"a long line", appended(master, addr+" inet n n n - 3 probe "+strings.Repeat("x", 1<<20)+" {\n")},
		{"an open brace", appended(master, "x unix n n n - 1 probe { never closed\n")},
		{"a number too large", appended(master, "x unix n n n 99999999999999999999 1 probe\n")},
		{"a name too long", appended(master, strings.Repeat("x", 200)+" unix n n n - 1 probe\n")},
		{"a directory that is not there", appended(master, "no/such/x unix n n n - 1 probe\n")},
		{"endless recursion", appended(main, "queue_run_delay = $queue_run_delay\nmail_name = $mail_name\n")},
		{"an open macro", appended(main, "myhostname = ${myhostname\n")},
		{"no equals sign", appended(main, "this is no setting\n")},
		{"a time without a meaning", appended(main, "service_throttle_time = soon\n")},
		{"a limit below the least", appended(main, "default_process_limit = 0\n")},
		{"protocols nobody knows", appended(main, "inet_protocols = ipx\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := p.Count(`postfix/master\[\d+\]: (error|fatal|warning)`)
			must(t, c.do())
			must(t, unix.Kill(p.Pid(), unix.SIGHUP))
			p.Until("the master has said something", func() bool { return p.Count(`postfix/master\[\d+\]: (error|fatal|warning)`) > said })
			if !p.Alive() {
				t.Fatal("the master is gone")
			}
			visit(t, addr)

			_ = os.Rename(p.Config+".away", p.Config)
			p.Restore(good)
		})
	}
	pftest.HoldsSteady(t, p.Pid(), before)
	idle := visit(t, addr)
	p.Reload()
	pftest.Gone(t, idle)
	visit(t, addr)
	p.Stop()
}

// TestStormOfReloads: SIGHUP upon SIGHUP, with clients all the while.
func TestStormOfReloads(t *testing.T) {
	beyondPostfix(t, "it loses what a daemon reported just before a reload, and takes the busy for idle")
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 5 probe\nwoken unix n n n 60 1 probe\n")
	visit(t, addr)
	before, resident := pftest.Descriptors(p.Pid()), pftest.Resident(p.Pid())
	for range 300 {
		must(t, unix.Kill(p.Pid(), unix.SIGHUP))
		visit(t, addr)
	}
	p.Reload()
	visit(t, addr)
	if n := p.Count(`reload -- version`); n < 10 {
		t.Errorf("%d reloads", n)
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
	pftest.HoldsSteady(t, p.Pid(), before)
	if grown := pftest.Resident(p.Pid()) - resident; grown > 8<<10 {
		t.Errorf("the master has grown by %d kB", grown)
	}
	p.Stop()
}

// TestAddressesThatOverlap: a service on all addresses of a port gives way to
// one on a single address, and back, in one reload each.
func TestAddressesThatOverlap(t *testing.T) {
	addr := pftest.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	must(t, err)
	p := probes(t, nil, port+" inet n n n - 3 probe wide:\n")
	for i, service := range []string{addr + " inet n n n - 3 probe narrow:\n", port + " inet n n n - 3 probe wide:\n"} {
		visit(t, addr)
		p.SetServices(service + pftest.PostlogService)
		p.Reload()
		want := []string{"narrow:", "wide:"}[i]
		p.Until("the new service answers", func() bool {
			c, err := pftest.DialWithin(pftest.Patience, addr)
			if err != nil {
				return false // a connection that the old listener took with it
			}
			defer func() { must(t, c.Finish()) }()
			return strings.HasSuffix(pftest.Argv(c.Pid), want)
		})
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
	p.Stop()
}

// TestNoDescriptorLeft: a master that may open nothing more says so and goes
// on when it may again.
func TestNoDescriptorLeft(t *testing.T) {
	addr, other := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := probes(t, map[string]string{"service_throttle_time": "1s"}, addr+" inet n n n - 5 probe\n"+other+" inet n n n - 5 probe\n")
	idle := visit(t, addr)
	pid := p.Pid()
	var was unix.Rlimit
	must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was))
	must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(pftest.Descriptors(pid))), Max: was.Max}, nil))

	// One that is idle serves as ever; a new process may not come about.
	if got := visit(t, addr); got != idle {
		t.Errorf("process %d serves, %d was idle", got, idle)
	}
	must(t, connect(other))
	must(t, unix.Kill(pid, unix.SIGHUP))
	must(t, connect(other))
	must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil))
	visit(t, other)
	visit(t, addr)
	if !p.Alive() {
		t.Fatal("the master is gone")
	}
	if n := len(p.Lines()); n > 40 {
		t.Errorf("%d log lines:\n%s", n, strings.Join(p.Lines()[:10], "\n"))
	}
	p.Reload()
	visit(t, other)
	if p.Pid() != pid {
		t.Errorf("process %d is the master, it was %d", p.Pid(), pid)
	}
	p.Stop()
}
