// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/master/proto"
	"postloop/services/skeleton/mastertest"
)

const (
	taken     = proto.Taken
	available = proto.Available
)

// all reads up to the end of a connection, whatever it is like.
func all(conn net.Conn) string {
	text, _ := io.ReadAll(conn)
	return string(text)
}

// TestCommand: a client has the command to itself, and the master hears when
// it begins and when it ends.
func TestCommand(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"unix", "inet"} {
		d := start(t, mastertest.Options{Transport: transport}, "argv=/bin/cat")
		for range 3 {
			conn := d.Dial()
			if got := mastertest.Ask(t, conn, "one line"); got != "one line" {
				t.Errorf("got %q", got)
			}
			d.Says(taken)
			d.Silent()
			if got := mastertest.Ask(t, conn, "another"); got != "another" {
				t.Errorf("got %q", got)
			}
			must(t, conn.Close())
			d.Says(available)
		}
		d.Reload()
		d.Exits(0)
		if log := d.Log(); log != "" {
			t.Errorf("the log has %q", log)
		}
	}
}

// TestWhatACommandIsGiven besides its client.
func TestWhatACommandIsGiven(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{
		Env: []string{"TZ=Europe/Berlin", "HOME=/root", "FOO=foo", "BAR=bar"}, Main: "export_environment = TZ, LANG { X = a b } BAR\n",
	}, "argv=/bin/sh", "-c", `echo "$@"; env; pwd; umask; read -r _ _ _ _ group session _ </proc/$$/stat; [ $group = $$ ] && [ $session = $$ ] && echo leader; echo trouble >&2; ls /proc/$$/fd | tr "\n" " "`, "name", "two words", "", "A=B", "$0")
	got := all(d.Dial())
	lines := strings.Split(got, "\n")
	if lines[0] != "two words  A=B $0" {
		t.Errorf("arguments %q", lines[0])
	}
	for _, want := range []string{"TZ=Europe/Berlin", "LANG=C", "X=a b", "BAR=bar", "PATH=/usr/bin:/bin", d.Queue, "trouble", "leader", "0 1 2 "} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	for _, other := range []string{"HOME=", "FOO=", "GENERATION=", "MAIL_CONFIG="} {
		if strings.Contains(got, other) {
			t.Errorf("%q in %q", other, got)
		}
	}
}

// TestSignalsOfACommand are those of Postfix's: two are ignored, beside those
// that were before, and none is blocked.
func TestSignalsOfACommand(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{}, "argv=/bin/grep", "^Sig[BI]", "/proc/self/status")
	want := fmt.Sprintf("SigBlk:\t%016x\nSigIgn:\t%016x\n", 0, mastertest.Ignored(t)|1<<(unix.SIGPIPE-1)|1<<(unix.SIGXFSZ-1))
	if got := all(d.Dial()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEnds: what the log says about a command that has ended.
func TestEnds(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{}, "argv=/bin/sh", "-c", "read line; eval $line")
	for line, text := range map[string]string{
		"exit 0":      "",
		"exit 3":      "warning: command /bin/sh exit status 3",
		"kill -15 $$": "warning: command /bin/sh killed by signal 15",
		"kill -9 $$":  "warning: command /bin/sh killed by signal 9",
	} {
		before := len(d.Log())
		conn := d.Dial()
		_, err := conn.Write([]byte(line + "\n"))
		must(t, err)
		all(conn)
		d.Says(taken, available)
		if got := d.Log()[before:]; !strings.Contains(got, text) || text == "" && got != "" {
			t.Errorf("%s: the log has %q", line, got)
		}
	}
}

// TestMissingCommands are the trouble of the client that asks for one.
func TestMissingCommands(t *testing.T) {
	t.Parallel()
	for command, reason := range map[string]string{
		"/no/such/command": "No such file or directory",
		"no-such-command":  "No such file or directory",
		"":                 "No such file or directory",
		"/":                "Permission denied",
	} {
		d := start(t, mastertest.Options{}, "argv="+command)
		if got := all(d.Dial()); got != "" {
			t.Errorf("%q: got %q", command, got)
		}
		d.Says(taken, available)
		for _, text := range []string{"fatal: spawn_comand: execvp " + command + ": " + reason, "warning: command " + command + " exit status 1"} {
			if !strings.Contains(d.Log(), text) {
				t.Errorf("no %q in the log", text)
			}
		}
		if !d.Runs() {
			t.Error("the process has ended for it")
		}
	}
}

// TestScripts: what has no form that the system knows is a shell's, as execvp(3)
// has it; without a slash it is looked for in the usual places only.
func TestScripts(t *testing.T) {
	t.Parallel()
	m := mastertest.New(t, mastertest.Options{})
	must(t, os.WriteFile(filepath.Join(m.Queue, "script"), []byte("echo $0 $1\n"), 0o755))
	d := start(t, mastertest.Options{Master: m}, "argv=./script", "one")
	if got := all(d.Dial()); got != "./script one\n" {
		t.Errorf("got %q", got)
	}
	m = mastertest.New(t, mastertest.Options{})
	must(t, os.WriteFile(filepath.Join(m.Queue, "cat"), []byte("echo wrong\n"), 0o755))
	conn := start(t, mastertest.Options{Master: m}, "argv=cat").Dial()
	if got := mastertest.Ask(t, conn, "right"); got != "right" {
		t.Errorf("got %q", got)
	}
}

// TestTimeLimit ends a command with all that it has started, and the client
// sees it at once.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{Main: "it_time_limit = 1\n"}, "argv=/bin/sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000")
	began := time.Now()
	if got := all(d.Dial()); got != "" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < time.Second || took > mastertest.Patience/2 {
		t.Errorf("it took %s", took)
	}
	d.Says(taken, available)
	for _, text := range []string{"warning: /bin/sh: process id ", ": command time limit exceeded", "warning: command /bin/sh killed by signal 9"} {
		if !strings.Contains(d.Log(), text) {
			t.Errorf("no %q in the log", text)
		}
	}
}

// TestReload: a command runs to its end, and then its process leaves.
func TestReload(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{}, "argv=/bin/cat")
	conn := d.Dial()
	mastertest.Ask(t, conn, "before")
	d.Reload()
	for range 10 {
		if got := mastertest.Ask(t, conn, "after"); got != "after" {
			t.Errorf("got %q", got)
		}
	}
	if !d.Runs() {
		t.Error("the process has not waited for its command")
	}
	must(t, conn.Close())
	d.Exits(0)
}

// TestStop: the process ends at once, the command lives on with its client.
func TestStop(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{}, "argv=/bin/cat")
	conn := d.Dial()
	mastertest.Ask(t, conn, "before")
	must(t, unix.Kill(d.Pid, unix.SIGTERM))
	if status, _ := d.Wait(); !status.Signaled() || status.Signal() != unix.SIGTERM {
		t.Errorf("the end is %#x", status)
	}
	if got := mastertest.Ask(t, conn, "after"); got != "after" {
		t.Errorf("got %q", got)
	}
}

// TestMaxUse counts commands, those that could not be started among them.
func TestMaxUse(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"/bin/true", "/no/such/command"} {
		d := start(t, mastertest.Options{Args: []string{"-m", "2"}}, "argv="+command)
		all(d.Dial())
		all(d.Dial())
		d.Says(taken, available, taken, available)
		d.Exits(0)
	}
}

// TestStandAlone: -S is one command on standard input.
func TestStandAlone(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	unix.CloseOnExec(fds[0])
	d := start(t, mastertest.Options{Transport: "-", Stdin: theirs, NoStatus: true, Args: []string{"-S"}}, "argv=/bin/sh", "-c", "read line; echo got $line; exit 4")
	must(t, theirs.Close())
	_, err = ours.WriteString("word\n")
	must(t, err)
	if got, err := io.ReadAll(ours); string(got) != "got word\n" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, ours.Close())
	d.Exits(0)
	if !strings.Contains(d.Log(), "warning: command /bin/sh exit status 4") {
		t.Error("the end of the command is not in the log")
	}
}

// TestPass: the client comes over another connection.
func TestPass(t *testing.T) {
	t.Parallel()
	d := start(t, mastertest.Options{Transport: "pass"}, "argv=/bin/cat")
	for range 2 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		must(t, err)
		via, ok := d.Dial().(*net.UnixConn)
		if !ok {
			t.Fatal("not a unix-domain socket")
		}
		_, _, err = via.WriteMsgUnix([]byte("\x00client_address\x00192.0.2.1\x00\x00"), unix.UnixRights(fds[1]), nil)
		must(t, err)
		must(t, unix.Close(fds[1]))
		file := os.NewFile(uintptr(fds[0]), "client")
		conn, err := net.FileConn(file)
		must(t, err)
		must(t, file.Close())
		must(t, conn.SetDeadline(time.Now().Add(mastertest.Patience)))
		if got := mastertest.Ask(t, conn, "word"); got != "word" {
			t.Errorf("got %q", got)
		}
		must(t, conn.Close())
		d.Says(taken, available)
	}
}
