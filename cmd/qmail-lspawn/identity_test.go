// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// copyOf makes an executable that everybody may execute of the test's own.
func copyOf(t *testing.T, r *lspawntest.Rig) string {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	text, err := os.ReadFile(exe)
	must(t, err)
	path := r.Dir + "/bin/qmail-lspawn"
	must(t, os.WriteFile(path, text, 0o755))
	return path
}

// TestUnprivileged: who is not root delivers to oneself, and says so of others.
func TestUnprivileged(t *testing.T) {
	needRoot(t)
	t.Parallel()
	r := newRig(t, "id -u; id -g")
	r.Assign("=joe:joe:UID:GID:/:::\n=jack:jack:4009:GID:/:::\n=group:group:UID:4009:/:::\n")
	r.Owner = r.UID
	r.Message("7/1", "")
	r.Message("7/2", "")
	must(t, os.Chmod(r.Dir+"/queue/mess/7/2", 0))
	s := start(t, r, lspawntest.Options{Path: copyOf(t, r), User: &syscall.Credential{Uid: uint32(r.UID), Gid: uint32(r.GID)}})
	for _, test := range []struct {
		c    lspawntest.Command
		want string
	}{
		{to(1, "joe@h"), "K4001\n4002\n"},
		{to(2, "jack@h"), "ZUnable to set proper uid, gid for jack.\n"},
		{to(3, "group@h"), "ZUnable to set proper uid, gid for group.\n"},
		{lspawntest.Command{Messid: "7/2", Recipient: "joe@h"}, "Zqmail-spawn unable to open message. (#4.3.0)\n"},
	} {
		s.Command(test.c)
		if got := s.Report(); got.Text != test.want {
			t.Errorf("%s: %+v, want %q", test.c.Recipient, got, test.want)
		}
	}
	s.CloseInput()
	s.Exits(0)
}

// TestBuiltinGetpw: with the system's own passwd.
func TestBuiltinGetpw(t *testing.T) {
	t.Parallel()
	r := newRig(t, `echo "$2 [$5] [$6]"; id -u`)
	must(t, os.Remove(r.Dir+"/users/cdb"))
	name, uid := "", ""
	passwd, err := os.ReadFile("/etc/passwd")
	must(t, err)
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || f[2] == "0" || os.Getuid() != 0 && f[2] != fmt.Sprint(os.Getuid()) {
			continue
		}
		st, err := os.Stat(f[5])
		if err == nil && fmt.Sprint(st.Sys().(*syscall.Stat_t).Uid) == f[2] {
			name, uid = f[0], f[2]
			break
		}
	}
	if name == "" {
		t.Skip("no user here has a home directory")
	}
	s := start(t, r, lspawntest.Options{Env: []string{"QMAIL_LSPAWN_GETPW=builtin"}})
	s.Command(to(1, strings.ToUpper(name)+"-Ext@h"))
	if got, want := s.Report().Text, fmt.Sprintf("K%s [-] [Ext]\n%s\n", name, uid); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.CloseInput()
	s.Exits(0)
}
