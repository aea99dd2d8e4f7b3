// SPDX-License-Identifier: ISC

package skeleton

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postloop/services/skeleton/mastertest"
)

// TestPrivileges: -u and -c, in every combination.
func TestPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	groups, err := os.Getgroups()
	must(t, err)
	owner := userDaemon(t)
	root := fmt.Sprintf("0/0 0/0 %v", groups)
	for args, want := range map[string]struct{ ids, dir string }{
		"":       {root, "QUEUE <nil> false"},
		"-c":     {root, "/ <nil> true"},
		"-u":     {owner, "QUEUE <nil> false"},
		"-u -c":  {owner, "/ <nil> true"},
		"-uc -v": {owner, "/ <nil> true"},
	} {
		m := mastertest.New(t, mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n"})
		must(t, os.WriteFile(m.Queue+"/mark", nil, 0o644))
		d := mastertest.Start(t, mastertest.Options{Master: m, Args: strings.Fields(args)})
		conn := d.Dial()
		mastertest.Line(t, conn)
		if got := mastertest.Ask(t, conn, "ids"); got != want.ids {
			t.Errorf("%q: ids %s, want %s", args, got, want.ids)
		}
		if got := mastertest.Ask(t, conn, "dir"); got != strings.Replace(want.dir, "QUEUE", m.Queue, 1) {
			t.Errorf("%q: dir %s, want %s", args, got, want.dir)
		}
		if got := mastertest.Ask(t, conn, "user root"); got != "0 <nil>" { // whatever root directory
			t.Errorf("%q: got %s", args, got)
		}
		if got := mastertest.Ask(t, conn, "log whoever I am"); got != "logged" || !strings.Contains(d.Log(), "whoever I am") {
			t.Errorf("%q: got %q, and the log %q", args, got, d.Log())
		}
		must(t, conn.Close())
		d.Says(taken, available)
		d.Reload()
		d.Exits(0)
	}
}

// userDaemon returns what ids says for the user daemon, from the system's files.
func userDaemon(t *testing.T) string {
	t.Helper()
	passwd, err := os.ReadFile("/etc/passwd")
	must(t, err)
	for line := range strings.Lines(string(passwd)) {
		if f := strings.Split(line, ":"); f[0] == "daemon" {
			return fmt.Sprintf("%s/%s %s/%s [%s]", f[2], f[2], f[3], f[3], f[3])
		}
	}
	t.Fatal("no user daemon")
	return ""
}

// TestRootlessGivesNothingUp: -u asks for what is not there to be given up.
func TestRootlessGivesNothingUp(t *testing.T) {
	t.Parallel()
	d := mastertest.Start(t, mastertest.Options{Args: []string{"-u"}, Env: []string{"REQUIRES=privileged"}})
	conn := d.Dial()
	mastertest.Line(t, conn)
	groups, err := os.Getgroups()
	must(t, err)
	want := fmt.Sprintf("%d/%d %d/%d %v", os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), groups)
	if got := mastertest.Ask(t, conn, "ids"); got != want {
		t.Errorf("ids %s, want %s", got, want)
	}
}
