// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestExitTime: with -e the master ends by itself, with status 0, and its
// daemons follow when they are done.
func TestExitTime(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Services: addr + " inet n n n - 2 probe\n" + pftest.PostlogService})
	p.InstallProbe("probe")
	began := time.Now()
	c := p.Background(p.Daemons+"/master", "-c", p.Config, "-e", "3")
	p.Until("it listens", func() bool { return connect(addr) == nil })
	client := dial(t, addr)
	if err := c.Wait(); err != nil {
		t.Errorf("master -e 3: %v", err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it lasted %v", took)
	}
	p.WaitLog(`postfix/master\[\d+\]: master exit time has arrived$`)
	if answer, err := client.Ask("echo on"); answer != "on" {
		t.Errorf("the busy daemon answers %q, %v", answer, err)
	}
	must(t, client.Close())
	p.AllGone()
}

// TestVerbose: however often -v is given, daemons get it once.
func TestVerbose(t *testing.T) {
	beyondPostfix(t, "its own words fill the log daemon's socket, and it waits for ever")
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Services: addr + " inet n n n - 2 probe\n" + pftest.PostlogService})
	p.InstallProbe("probe")
	c := p.Background(p.Daemons+"/master", "-c", p.Config, "-v", "-vv")
	p.Until("it listens", func() bool { return connect(addr) == nil })
	client := dial(t, addr)
	if got, want := pftest.Argv(client.Pid), "probe -n "+addr+" -t inet -v"; got != want {
		t.Errorf("the daemon is started as %q, want %q", got, want)
	}
	must(t, client.Close())
	must(t, unix.Kill(p.Pid(), unix.SIGTERM))
	_ = c.Wait()
	p.AllGone()
}

// TestDebuggerCommand: -D runs it, expanded, when the locks are taken, and
// refuses to start without one.
func TestDebuggerCommand(t *testing.T) {
	p := instance(t, pftest.Options{Services: pftest.PostlogService})
	if r := p.Master("-D"); r.Exit != 1 {
		t.Errorf("master -D without debugger_command: exit status %d, want 1", r.Exit)
	}
	p.WaitLog(`postfix/master\[\d+\]: fatal: no debugger_command variable set up$`)

	seen := p.Dir + "/log/debugger"
	p.SetMain(map[string]string{"debugger_command": "echo $process_name $process_id `pwd` >" + seen})
	c := p.Background(p.Daemons+"/master", "-c", p.Config, "-D")
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	text, err := os.ReadFile(seen)
	must(t, err)
	if got, want := string(text), fmt.Sprintf("master %d %s\n", p.Pid(), p.Queue); got != want {
		t.Errorf("the debugger was started with %q, want %q", got, want)
	}
	if session, _ := pftest.Session(p.Pid()); session == p.Pid() {
		t.Error("with -D the master has left its session")
	}
	must(t, unix.Kill(p.Pid(), unix.SIGTERM))
	_ = c.Wait()
	p.AllGone()
}

// TestEndsByItsSignal: the log names the signal, and a parent sees the master
// die of it.
func TestEndsByItsSignal(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			addr := pftest.FreeAddr(t)
			p := instance(t, pftest.Options{Services: addr + " inet n n n - 2 probe\n"})
			p.InstallProbe("probe")
			c := p.Background(p.Daemons+"/master", "-c", p.Config, "-s")
			p.Until("it listens", func() bool { return connect(addr) == nil })
			client := dial(t, addr)
			must(t, unix.Kill(p.Pid(), sig))
			_ = c.Wait()
			if got := c.ProcessState.ExitCode(); got != 128+int(sig) {
				t.Errorf("the shell says %d, want %d", got, 128+int(sig))
			}
			// Without a log daemon the line goes into the file directly.
			p.WaitLog(fmt.Sprintf(`postfix/master\[\d+\]: terminating on signal %d$`, sig))
			must(t, client.AwaitEnd())
			p.AllGone()
		})
	}
}

// TestInit: as process 1 of its namespace the master reaps what others leave
// behind, and ends with status 0 when it is told to.
func TestInit(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Services: addr + " inet n n n - 2 probe\n" + pftest.PostlogService})
	p.InstallProbe("probe")
	c := p.Background("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", p.Daemons+"/master", "-c", p.Config, "-i")
	p.WaitLog(`postfix/master\[1\]: daemon started`)
	master := 0
	p.Until("the master is found", func() bool {
		for _, pid := range p.Processes() {
			if strings.HasPrefix(pftest.Argv(pid), p.Daemons+"/master") {
				master = pid
			}
		}
		return master != 0
	})
	client := dial(t, addr)
	answer, err := client.Ask("orphan")
	must(t, err)
	if answer != "orphan born" {
		t.Fatalf("the daemon answers %q", answer)
	}
	must(t, client.Finish())
	p.Until("the orphan is reaped", func() bool {
		return len(pftest.Zombies(master)) == 0 && len(pftest.Children(master)) == 2 // the probe and the log daemon
	})
	must(t, unix.Kill(master, unix.SIGTERM))
	if err := c.Wait(); err != nil {
		t.Errorf("master -i: %v after SIGTERM", err)
	}
	p.AllGone()
}

// TestBadUsage: what cannot be meant is refused, with status 1.
func TestBadUsage(t *testing.T) {
	p := instance(t, pftest.Options{})
	for _, args := range [][]string{{"-t", "-w"}, {"-i"}, {"-x"}, {"word"}, {"-c"}, {"-c", p.Dir + "/no-such-directory"}} {
		if r := p.Master(args...); r.Exit != 1 {
			t.Errorf("master %v: exit status %d, want 1\n%s", args, r.Exit, r.Output)
		}
	}
	p.AllGone()
}

// TestStoppedLogDaemonStopsNobody: postlogd stands still while the master has
// more to say than its socket holds.
func TestStoppedLogDaemonStopsNobody(t *testing.T) {
	beyondPostfix(t, "it waits for the log daemon for ever")
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 3 probe\n")
	visit(t, addr)
	stopped := p.Running("postlogd")[0]
	must(t, unix.Kill(stopped, unix.SIGSTOP))
	for range 300 {
		c := dial(t, addr)
		must(t, c.Tell("status=generation")) // each is a line in the log
		must(t, c.Tell("exit=9"))            // so is this
		must(t, c.AwaitEnd())
		must(t, c.Close())
		visit(t, addr)
	}
	must(t, unix.Kill(stopped, unix.SIGCONT))
	p.WaitLog(`exit status 9`)
	visit(t, addr)
	p.Stop()
}
