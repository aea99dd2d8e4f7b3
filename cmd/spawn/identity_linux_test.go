// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postloop/services/skeleton/mastertest"
)

// idLines are the lines of /proc/PID/status about who a process is.
func idLines(text string) (list []string) {
	for line := range strings.Lines(text) {
		for _, name := range []string{"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapAmb:"} {
			if strings.HasPrefix(line, name) {
				list = append(list, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return list
}

// owner returns the numbers of the user daemon, who owns the mail here.
func owner(t *testing.T) (uid, gid string) {
	t.Helper()
	passwd, err := os.ReadFile("/etc/passwd")
	must(t, err)
	for line := range strings.Lines(string(passwd)) {
		if f := strings.Split(line, ":"); f[0] == "daemon" {
			return f[2], f[3]
		}
	}
	t.Fatal("no user daemon")
	return "", ""
}

// TestIdentity: between commands all threads of the process are the mail
// owner's, as far as it is not about becoming root again; a command is its
// user's, and nobody else's.
func TestIdentity(t *testing.T) {
	needRoot(t)
	t.Parallel()
	d := start(t, mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n"}, "user=nobody:mail", "argv=/bin/cat", "/proc/self/status")
	uid, gid := owner(t)
	for range 3 {
		got := idLines(all(d.Dial()))
		d.Says(taken, available)
		want := []string{"Uid: 65534 65534 65534 65534", "Gid: 8 8 8 8", "Groups: 8", "CapInh: 0000000000000000", "CapPrm: 0000000000000000", "CapEff: 0000000000000000", "CapAmb: 0000000000000000"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("a command is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.Pid))
		must(t, err)
		if len(threads) < 2 {
			t.Errorf("%d threads", len(threads))
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			must(t, err)
			got := strings.Join(idLines(string(text)), "\n")
			for _, want := range []string{"Uid: 0 " + uid + " 0 " + uid, "Gid: 0 " + gid + " 0 " + gid, "Groups: " + gid, "CapEff: 0000000000000000"} {
				if !strings.Contains(got, want) {
					t.Errorf("a thread is\n%s\nwant %s", got, want)
				}
			}
		}
	}
}

// TestTimeLimitOfAnotherUser: another user's command, and what it has started,
// can be ended.
func TestTimeLimitOfAnotherUser(t *testing.T) {
	needRoot(t)
	t.Parallel()
	d := start(t, mastertest.Options{Privileged: true, Main: "mail_owner = daemon\nit_time_limit = 1s\n"}, "user=nobody", "argv=/bin/sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000")
	began := time.Now()
	if got := all(d.Dial()); got != "" || time.Since(began) > mastertest.Patience/2 {
		t.Errorf("got %q after %s", got, time.Since(began))
	}
	d.Says(taken, available)
	if !strings.Contains(d.Log(), "warning: command /bin/sh killed by signal 9") || strings.Contains(d.Log(), "kill:") {
		t.Error("the log does not say so")
	}
}

// TestChroot: the user is looked up outside, the command inside.
func TestChroot(t *testing.T) {
	needRoot(t)
	t.Parallel()
	d := start(t, mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n", Args: []string{"-c"}}, "user=nobody:mail", "argv=/bin/cat")
	all(d.Dial())
	d.Says(taken, available)
	if !strings.Contains(d.Log(), "fatal: spawn_comand: execvp /bin/cat: No such file or directory") {
		t.Error("a command outside was found")
	}
}
