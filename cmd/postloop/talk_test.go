// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"postloop/master/report"

	"golang.org/x/sys/unix"
)

const echoes = `rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "127.0.0.1:@PORT@"
run = ["/bin/cat"]
limit = 3
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
limit = 50
[[service]]
listen = "unix:private/beat"
run = ["/bin/sh", "-c", "echo >> beats"]
wakeup = "1h"
limit = 1
`

// report asks for the status.
func (s *site) report() (r report.Report) {
	s.t.Helper()
	must(s.t, json.Unmarshal([]byte(s.ok("status", "--json")), &r))
	return r
}

func (s *site) service(name string) report.Service {
	s.t.Helper()
	for _, one := range s.report().Services {
		if one.Name == name {
			return one
		}
	}
	s.t.Fatalf("no service %s", name)
	return report.Service{}
}

// echo is a client that has been served.
func echo(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c := dial(t, network, address)
	_, err := c.Write([]byte("x"))
	must(t, err)
	_, err = c.Read(make([]byte, 1))
	must(t, err)
	return c
}

func TestNobody(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.fails(exitNobody, "no master runs: connect to "+s.dir+"/run/control: No such file or directory", "status")
	must(t, os.Mkdir(s.dir+"/run", 0o755))
	for _, command := range [][]string{{"status"}, {"reload"}, {"stop"}, {"pause", "echo"}, {"top"}} {
		s.fails(exitNobody, "no master runs", command...)
	}
	s.start()
	must(t, s.master.Process.Kill())
	_ = s.master.Wait()
	s.fails(exitNobody, "run/control: Connection refused", "status")
	s.start() // a socket left over is no hindrance
	s.ok("status")
}

func TestUsage(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	for _, test := range []struct{ want, args string }{
		{`unknown command "statsu"; did you mean "status"?`, "statsu"},
		{`unknown command "xyzzy"`, "xyzzy"},
		{`unknown flag: --jsno`, "status --jsno"},
		{`requires at least 1 arg(s)`, "pause"},
		{`accepts at most 1 arg(s)`, "status a b"},
		{`unknown command "now" for "postloop stop"`, "stop now"},
		{`if any flags in the group [config file] are set none of the others can be`, "-c . -f x status"},
	} {
		s.fails(exitUsage, test.want, strings.Fields(test.args)...)
	}
	s.fails(exitConfig, "main.cf: no such file", "-c", "/none", "status")
	s.golden("help", s.ok("help"))
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out := s.ok("completion", shell); !strings.Contains(out, "postloop") {
			t.Errorf("completion for %s: %s", shell, out)
		}
	}
	if _, out, _ := s.run("__complete", "pause", "e"); !strings.Contains(out, "echo\tunix spawn\n") {
		t.Errorf("completion of services: %s", out)
	}
	if _, out, _ := s.run("__complete", "signal", "echo", "H"); !strings.Contains(out, "HUP\n") {
		t.Errorf("completion of signals: %s", out)
	}
}

// TestStatus: what is said under load is what the system says.
func TestStatus(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	until(t, "the first beat", func() bool { one := s.service("beat"); return one.Clients.Total == 1 && one.Busy == 0 })
	for range 20 {
		echo(t, "unix", s.dir+"/run/public/echo")
	}
	for range 3 {
		echo(t, "tcp", "127.0.0.1:"+s.port)
	}
	r := s.report()
	if n := childrenOf(t, s.master.Process.Pid); n != 23 || r.Loop.Children != n || r.Master.Pid != s.master.Process.Pid {
		t.Errorf("%d processes; the report says %+v, of %+v", n, r.Loop, r.Master)
	}
	if one := s.service("echo"); one.State != report.Busy || one.Clients.Now != 20 || one.Clients.Total != 20 || !one.Hosted {
		t.Errorf("%+v", one)
	}
	if one := s.service("127.0.0.1:" + s.port); one.State != report.Full || one.Busy != 3 || one.Limit != 3 {
		t.Errorf("%+v", one)
	}
	// What it looks like; numbers that differ from run to run are all the same.
	steady := func(text string) string {
		lines := strings.Split(strings.ReplaceAll(text, s.port, "PORT"), "\n")
		for i := range min(3, len(lines)) {
			lines[i] = numbers.ReplaceAllString(lines[i], "N")
			lines[i] = lines[i][:min(len(lines[i]), 30)]
		}
		return strings.Join(lines, "\n")
	}
	s.golden("status", steady(s.ok("status")))
	s.golden("status-one", s.ok("status", "echo"))
	if out := s.ok("top", "-n", "2", "-d", "10ms"); strings.Count(out, "SERVICE") != 2 || strings.Contains(out, "\x1b") {
		t.Errorf("top: %s", out)
	}
	s.fails(exitNot, `no service "eco"; did you mean "echo"?`, "status", "eco")
}

// TestStatusOfMany: a long report comes in many pieces.
func TestStatusOfMany(t *testing.T) {
	s := newSite(t)
	var b strings.Builder
	b.WriteString("rootless = true\nstate = \"run\"\nlog.to = \"stderr\"\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "[[service]]\nlisten = \"unix:public/s%d\"\nrun = [\"/bin/cat\"]\n", i)
	}
	s.write("postloop.toml", b.String())
	s.start()
	if n := len(s.report().Services); n != 1000 {
		t.Errorf("%d services", n)
	}
}

func TestReload(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	client := echo(t, "unix", s.dir+"/run/public/echo")
	if out := s.ok("reload"); out != "configuration "+s.dir+" is in force, with 3 service(s)\n" {
		t.Errorf("%s", out)
	}
	// The master has read what it could not run with; and so has this program,
	// which finds the master all the same.
	s.write("postloop.toml", echoes+"limt = 1\n[[service]]\nlisten = 79\nrun = \"/bin/cat\"\n")
	s.fails(exitConfig, "/postloop.toml, line 18: unknown key \"limt\" in [[service]]; did you mean \"limit\"?\n", "reload")
	status, _, errOut := s.run("reload")
	if status != exitConfig || !strings.Contains(errOut, "line 21: run: specify a list") || !strings.HasSuffix(errOut, "keeps running with the configuration it had\n") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if r := s.report().Master; r.Reload == nil || r.Reload.OK || len(r.Reload.Errors) != 2 || r.Reloads != 1 || r.Refused != 2 {
		t.Errorf("%+v", r)
	}
	s.write("postloop.toml", "this is not TOML")
	s.fails(exitConfig, "--socket says where its control socket is", "status")
	s.ok("--socket", s.dir+"/run/control", "status")
	s.write("postloop.toml", strings.ReplaceAll(echoes, "/bin/cat", "/bin/none"))
	s.fails(exitConfig, `line 5: service "127.0.0.1:`+s.port+`": command /bin/none: no such file or directory`, "reload")

	s.write("other.toml", echoes)
	s.ok("-f", "other.toml", "status")
	s.write("postloop.toml", echoes+"[parameters]\ncontrol_socket = \"pid/control\"\n")
	s.ok("-f", "other.toml", "reload")
	s.ok("status") // the socket has moved
	s.fails(exitNot, "a master runs, and has no control socket", "-f", "other.toml", "status")
	_, err := client.Write([]byte("y"))
	must(t, err)
}

func TestCommands(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	beats := func() int {
		text, _ := os.ReadFile(s.dir + "/run/beats")
		return len(text)
	}
	until(t, "the first beat", func() bool { return beats() == 1 && s.service("beat").Busy == 0 })
	if out := s.ok("kick", "beat"); out != "service \"beat\" (private/beat): woken up\n" {
		t.Errorf("%s", out)
	}
	until(t, "the second beat", func() bool { return beats() == 2 })

	s.ok("pause", "echo", "beat")
	c := dial(t, "unix", s.dir+"/run/public/echo")
	_, err := c.Write([]byte("z"))
	must(t, err)
	if one := s.service("echo"); one.State != report.Paused || one.Clients.Total != 0 {
		t.Errorf("%+v", one)
	}
	s.fails(exitNot, "it is paused; resume it first", "kick", "beat")
	s.ok("resume", "echo", "beat")
	must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = c.Read(make([]byte, 1))
	must(t, err)

	// With one of several something goes wrong: the others get what they should.
	status, out, errOut := s.run("unthrottle", "beat", "nobody", "echo")
	if status != exitNot || strings.Count(out, "not throttled") != 2 || errOut != "postloop: no service \"nobody\"\n" {
		t.Errorf("status %d: %s%s", status, out, errOut)
	}
	if out := s.ok("restart", "echo"); !strings.Contains(out, "nothing to restart") {
		t.Errorf("%s", out)
	}
	s.fails(exitNot, "master serves it itself, and has no process to signal", "signal", "echo", "HUP")
	s.fails(exitUsage, `unknown signal "HUB"`, "signal", "echo", "HUB")

	out = s.ok("stop")
	if !strings.HasSuffix(out, " is ending, with 1 process(es)\nit has ended\n") && !strings.HasSuffix(out, " is ending\nit has ended\n") {
		t.Errorf("%s", out)
	}
	must(t, s.master.Wait()) // status 0: nobody has killed it
	if _, err := os.Lstat(s.dir + "/run/control"); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	s.fails(exitNobody, "no master runs", "status")
}

// TestAbort does not wait for a command that takes its time.
func TestAbort(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", strings.Replace(echoes, `["/bin/sh", "-c", "echo >> beats"]`, `["/bin/sh", "-c", "trap '' TERM; echo >> beats; while :; do sleep 1000; done"]`, 1)+
		"[limits]\nstop = \"1h\"\n")
	s.start()
	until(t, "the beat", func() bool { _, err := os.Stat(s.dir + "/run/beats"); return err == nil })
	if out := s.ok("abort"); !strings.HasSuffix(out, "it has ended\n") {
		t.Errorf("%s", out)
	}
	must(t, s.master.Wait())
}

// TestUnreachable: a master can do without the socket, or without its place.
func TestUnreachable(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes+"[parameters]\ncontrol_socket = \"none/control\"\n")
	s.start()
	s.fails(exitNot, "a master runs, and has no control socket "+s.dir+"/run/none/control", "status")
	s.kill()
	s.write("postloop.toml", echoes+"[parameters]\ncontrol_socket = \"\"\n")
	s.start()
	s.fails(exitNot, "control_socket is empty in "+s.dir+"/postloop.toml: the master has none", "status")
	echo(t, "unix", s.dir+"/run/public/echo")
}

// TestFullDisk: an output that could not be written is not success.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer func() { must(t, full.Close()) }()
	s := newSite(t)
	s.write("postloop.toml", echoes)
	c := exec.Command(programs+"/postloop", "conf")
	c.Env, c.Stdout = s.env, full
	if err := c.Run(); c.ProcessState.ExitCode() != exitNot {
		t.Errorf("%v", err)
	}
}

// TestSlowMaster: a master that does not answer is not waited for without end.
func TestSlowMaster(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	must(t, s.master.Process.Signal(unix.SIGSTOP))
	s.fails(exitNot, "no answer from the master within 10ms", "status", "--timeout", "10ms")
	must(t, s.master.Process.Signal(unix.SIGCONT))
	s.ok("status")
}

// TestReopen: the log is opened anew, wherever it goes.
func TestReopen(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	if out := s.ok("reopen"); out != "log reopened\n" {
		t.Errorf("%s", out)
	}
	if r := s.report(); r.Master.Reloads != 0 || r.Master.LogLost != 0 {
		t.Errorf("%+v", r.Master)
	}
}
