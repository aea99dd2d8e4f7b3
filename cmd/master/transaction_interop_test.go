// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestRefusedReloadChangesNothing: with a port that is taken, a misspelt
// field, an unknown user or a program that is not there, alone and all at
// once, a reload says so in one line each, by file and line, and that is all
// it does.
func TestRefusedReloadChangesNothing(t *testing.T) {
	beyondPostfix(t, "it ends when a reload fails, and all listeners with it")
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	must(t, err)
	good, bad := pftest.FreeAddr(t), pftest.FreeAddr(t)

	faults := []struct {
		name string
		main map[string]string
		line string // added to master.cf
		log  string // what must be said, after "master.cf, line N: "; in main.cf when main is set
	}{
		{name: "a port already taken", line: taken.Addr().String() + " inet n n n - 1 probe", log: `.*127\.0\.0\.1.*` + port + `.*[Aa]ddress already in use`},
		{name: "a misspelt field", line: bad + " inet n n n soon 1 probe", log: `.*"?wakeup_time"?.*"soon"`},
		{name: "a misspelt type", line: bad + " inett n n n - 1 probe", log: `.*bad transport type: inett`},
		{name: "a private inet service", line: bad + " inet y n n - 1 probe", log: `.*inet service cannot be private`},
		{name: "a missing field", line: bad + " inet n n n -", log: `.*missing "max_proc" field`},
		{name: "an unknown user", line: bad + " inet n n n - 1 spawn user=no-such-user argv=/bin/true", log: `.*no-such-user`},
		{name: "a missing executable", line: bad + " inet n n n - 1 no-such-program", log: `.*no-such-program.*[Nn]o such file or directory`},
		{name: "an unknown mail_owner", main: map[string]string{"mail_owner": "no-such-user"}, log: `.*mail_owner.*no-such-user`},
		{name: "a malformed number", main: map[string]string{"default_process_limit": "many"}, log: `.*default_process_limit.*many`},
	}
	start := func(t *testing.T) (*pftest.Instance, *pftest.Client) {
		p := probes(t, nil, good+" inet n n n - 3 probe\nwoken unix n n n - 3 probe\n")
		visit(t, good)
		visit(t, p.Queue+"/public/woken")
		return p, dial(t, good)
	}
	// still proves that all that ran still runs: the process in the middle of
	// a client, both listeners, and the next start of a process.
	still := func(t *testing.T, p *pftest.Instance, c *pftest.Client) {
		t.Helper()
		if answer, err := c.Ask("echo on"); answer != "on" {
			t.Fatalf("the busy process answers %q, %v", answer, err)
		}
		if !p.Alive() {
			t.Fatal("the master is gone")
		}
		second := dial(t, good)
		visit(t, p.Queue+"/public/woken")
		if second.Pid == c.Pid {
			t.Errorf("process %d serves two clients", c.Pid)
		}
		must(t, second.Close())
	}
	services := good + " inet n n n - 3 probe\n" // without "woken", which the reload would remove
	const prefix = `postfix/master\[\d+\]: (error|fatal|warning): `

	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			p, c := start(t)
			visit(t, good)
			before := pftest.Descriptors(p.Pid())
			text, file := services+pftest.PostlogService+f.line+"\n", p.Config+"/master.cf"
			at := fmt.Sprint(strings.Count(text, "\n"))
			if f.main != nil {
				text, file, at = services+pftest.PostlogService, p.Config+"/main.cf", `\d+`
				p.SetMain(f.main)
			}
			p.SetServices(text)
			must(t, unix.Kill(p.Pid(), unix.SIGHUP))
			p.WaitLog(prefix + regexp.QuoteMeta(file) + `(:|,) line ` + at + `: ` + f.log)
			still(t, p, c)
			if lines := p.Grep(prefix + regexp.QuoteMeta(p.Config)); len(lines) != 1 {
				t.Errorf("%d lines about the configuration, want one: %q", len(lines), lines)
			}
			pftest.HoldsSteady(t, p.Pid(), before)

			// And the next reload is none the worse for it.
			p.SetServices(services + pftest.PostlogService)
			p.SetMain(map[string]string{"mail_owner": "postfix", "default_process_limit": "100"})
			must(t, unix.Kill(p.Pid(), unix.SIGHUP))
			p.Until("the removed service refuses", func() bool {
				conn, err := net.Dial("unix", p.Queue+"/public/woken")
				if err == nil {
					must(t, conn.Close())
				}
				return err != nil
			})
			must(t, c.Close())
			p.Stop()
		})
	}

	t.Run("all at once", func(t *testing.T) {
		p, c := start(t)
		text := services + pftest.PostlogService
		var want []string
		for _, f := range faults {
			if f.main == nil {
				text += f.line + "\n"
				want = append(want, prefix+regexp.QuoteMeta(p.Config+"/master.cf")+`(:|,) line `+fmt.Sprint(strings.Count(text, "\n"))+`: `+f.log)
			}
		}
		p.SetServices(text)
		must(t, unix.Kill(p.Pid(), unix.SIGHUP))
		// A file that cannot be parsed is not checked any further, so at least
		// all faults of one kind come together.
		for _, w := range want[1:5] {
			p.WaitLog(w)
		}
		still(t, p, c)
		must(t, c.Close())
		p.SetServices(services + pftest.PostlogService) // postfix-script would complain, too
		p.Stop()
	})
}
