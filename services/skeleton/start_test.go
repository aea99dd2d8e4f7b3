// SPDX-License-Identifier: ISC

package skeleton

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postloop/master/proto"
	"postloop/services/skeleton/mastertest"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRefusals are all the ways not to start, each with its line in the log,
// exit status 1, and a second to think it over.
func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		o    mastertest.Options
		text string
	}{
		"no such option":     {mastertest.Options{Args: []string{"-x"}}, "postfix/daemon[PID]: fatal: invalid option: x"},
		"value missing":      {mastertest.Options{Args: []string{"-n"}}, "fatal: invalid option: n"},
		"no transport":       {mastertest.Options{Transport: "-"}, "fatal: no transport type specified"},
		"other transport":    {mastertest.Options{Transport: "-", Args: []string{"-t", "fifo"}}, "fatal: unsupported transport type: fifo"},
		"sockets":            {mastertest.Options{Args: []string{"-s0"}}, "fatal: invalid socket_count: 0"},
		"retirement":         {mastertest.Options{Args: []string{"-r", "-1"}}, "fatal: invalid retirement time: -1"},
		"override":           {mastertest.Options{Args: []string{"-o", "max_idle"}}, `fatal: invalid "-o max_idle" option value: missing '=' after attribute name`},
		"value of option":    {mastertest.Options{Args: []string{"-i", "5y"}}, "fatal: parameter max_idle: bad time value or unit: 5y; specify"},
		"value of main.cf":   {mastertest.Options{Main: "max_use = x\n"}, "main.cf, line 4: bad numerical configuration: max_use = x; specify"},
		"text of main.cf":    {mastertest.Options{Main: "nonsense\n"}, `main.cf, line 4: missing '=' after attribute name: "nonsense"`},
		"no main.cf":         {mastertest.Options{Env: []string{"MAIL_CONFIG=/nonexistent"}}, "fatal: open /nonexistent/main.cf: No such file or directory"},
		"owner":              {mastertest.Options{Privileged: true, Main: "mail_owner = no-such-user-at-all\n"}, "main.cf: parameter mail_owner: unknown user name value: no-such-user-at-all"},
		"owner is root":      {mastertest.Options{Privileged: true, Main: "mail_owner = root\n"}, "main.cf: parameter mail_owner: user root has privileged user ID"},
		"generation":         {mastertest.Options{Generation: "9"}, "fatal: bad generation: 9"},
		"no debugger":        {mastertest.Options{Args: []string{"-D"}}, "fatal: no debugger_command variable set up"},
		"queue directory":    {mastertest.Options{Args: []string{"-o", "queue_directory=/nonexistent"}}, `fatal: chdir("/nonexistent"): No such file or directory`},
		"rootless chroot":    {mastertest.Options{Args: []string{"-c"}}, "fatal: a chroot takes root, which rootless = yes rules out"},
		"limit of one":       {mastertest.Options{Env: []string{"REQUIRES=one"}, Args: []string{"-z"}}, "fatal: service daemon requires a process limit of 1"},
		"no limit":           {mastertest.Options{Env: []string{"REQUIRES=zero"}, Args: []string{"-l", "-n", "it"}}, "fatal: service it requires a process limit of 0"},
		"privileges":         {mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n", Env: []string{"REQUIRES=privileged"}, Args: []string{"-n", "it", "-u"}}, "fatal: service it requires privileged operation"},
		"program's own":      {mastertest.Options{Env: []string{"REQUIRES=nonsense"}}, "fatal: nonsense is not to be had"},
		"program's start":    {mastertest.Options{Env: []string{"REQUIRES=start"}}, "fatal: file, line 7: no start"},
		"no socket":          {mastertest.Options{Args: []string{"-s", "2"}}, "fatal: listen on descriptor 7: "},
		"no status channel":  {mastertest.Options{NoStatus: true}, "fatal: status channel: "},
		"both languages":     {mastertest.Options{TOML: "rootless = true\nstate = \"DIR/q\"\n[log]\nto = \"stderr\"\n[[service]]\nname = \"x\"\nlisten = \"x\"\nrun = [\"/bin/cat\"]\nlimit = \"y\"\n"}, "postloop.toml, line "},
		"options end":        {mastertest.Options{Transport: "-", Args: []string{"--", "-t", "unix"}}, "fatal: no transport type specified"},
		"options end sooner": {mastertest.Options{Transport: "-", Args: []string{"word", "-t", "unix"}}, "fatal: no transport type specified"},
	}
	started := map[string]*mastertest.Daemon{}
	for name, c := range cases { // first this: all take their second at the same time
		started[name] = mastertest.Start(t, c.o)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := started[name]
			d.Exits(1)
			if _, took := d.Wait(); took < pause {
				t.Errorf("it ended after %s", took)
			}
			if !strings.Contains(d.Log(), strings.ReplaceAll(c.text, "PID", strconv.Itoa(d.Pid))) {
				t.Errorf("no %q in the log", c.text)
			}
			if !c.o.NoStatus {
				d.Silent()
			}
		})
	}
}

// TestStart: a process that is all right says nothing, neither to the master
// nor in the log.
func TestStart(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Args: []string{"-do", "a=$b", "-ob=$process_name $service_name", "-n", "it", "-lz", "-o", "service_name=other", "-o", "process_name=other", "--", "-x", "word"}})
	conn := d.Dial()
	if got := mastertest.Line(t, conn); got != "hello it unix" {
		t.Errorf("got %q", got)
	}
	d.Says(proto.Taken)
	if got := mastertest.Ask(t, conn, "param a"); got != "daemon it <nil>" {
		t.Errorf("got %q", got)
	}
	if got := mastertest.Ask(t, conn, "dir"); !strings.HasPrefix(got, d.Queue+" ") {
		t.Errorf("got %q", got)
	}
	if log := d.Log(); log != "" {
		t.Errorf("the log has %q", log)
	}
}

// TestGeneration: it is octal, and 0 if there is none.
func TestGeneration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"-": 0, "0": 0, "17": 0o17, "37777777777": 1<<32 - 1} {
		d := mastertest.Start(t, mastertest.Options{Generation: text})
		d.Dial()
		if got := d.Status(); got != (proto.Status{Pid: int32(d.Pid), Generation: want, Avail: proto.Taken}) {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

// TestVerbose: -v and MAIL_VERBOSE have the process tell what it does.
func TestVerbose(t *testing.T) {
	t.Parallel()
	for _, o := range []mastertest.Options{{Args: []string{"-v"}}, {Env: []string{"MAIL_VERBOSE="}}} {
		d := mastertest.Start(t, o)
		_ = d.Dial().Close()
		d.Says(proto.Taken, proto.Available)
		d.Reload()
		d.Exits(0)
		for _, text := range []string{"connection established", "master_notify: status 0", "master_notify: status 1", "master disconnect -- exiting"} {
			if !strings.Contains(d.Log(), text) {
				t.Errorf("%v %v: no %q in the log", o.Args, o.Env, text)
			}
		}
	}
}

// TestTOML: the other language does as well.
func TestTOML(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{TOML: "rootless = true\nstate = \"DIR/q\"\n[log]\nto = \"stderr\"\n[[service]]\nname = \"x\"\nlisten = \"x\"\nrun = [\"/bin/cat\"]\n", Args: []string{"-o", "max_use=1"}})
	conn := d.Dial()
	if got := mastertest.Line(t, conn); got != "hello daemon unix" {
		t.Errorf("got %q", got)
	}
	must(t, conn.Close())
	d.Exits(0)
}

// TestDebugger: -D and MAIL_DEBUG run the operator's command, and wait for it.
func TestDebugger(t *testing.T) {
	t.Parallel()
	for _, o := range []mastertest.Options{{Args: []string{"-D"}}, {Env: []string{"MAIL_DEBUG="}}} {
		o.Main = "debugger_command = echo $process_name $process_id >$config_directory/ran\n"
		d := mastertest.Start(t, o)
		mastertest.Line(t, d.Dial())
		text, err := os.ReadFile(filepath.Join(d.Dir, "etc/ran"))
		if err != nil || !strings.HasPrefix(string(text), "daemon ") {
			t.Errorf("got %q, %v", text, err)
		}
		if !strings.Contains(d.Log(), "running: echo daemon ") {
			t.Error("the command is not in the log")
		}
	}
}

// TestSignals: a process ends by the signals that end others, and at once.
func TestSignals(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{})
	mastertest.Line(t, d.Dial())
	must(t, unix.Kill(d.Pid, unix.SIGTERM))
	if status, took := d.Wait(); !status.Signaled() || status.Signal() != unix.SIGTERM || took > mastertest.Patience/2 {
		t.Errorf("the end is %#x after %s", status, took)
	}
	// What a client makes of a write is no end.
	d = mastertest.Start(t, mastertest.Options{})
	conn := d.Dial()
	mastertest.Line(t, conn)
	_, err := conn.Write([]byte(strings.Repeat("one line and more\n", 1000)))
	must(t, err)
	must(t, conn.Close())
	mastertest.Line(t, d.Dial())
}

// TestWatchdog: a callback that does not return ends the process.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Main: "daemon_timeout = 1\n"})
	conn := d.Dial()
	mastertest.Line(t, conn)
	_, err := conn.Write([]byte("hang\n"))
	must(t, err)
	d.Exits(1)
	if !strings.Contains(d.Log(), "fatal: watchdog timeout") {
		t.Error("the log does not say why")
	}
}
