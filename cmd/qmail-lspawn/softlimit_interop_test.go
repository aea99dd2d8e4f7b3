// SPDX-License-Identifier: ISC

//go:build interop && linux && (amd64 || arm64)

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// TestSoftlimit: IndiMail starts qmail under softlimit -m 83886080, under which
// the Go runtime cannot begin. The program that is installed can, and its
// children are under that limit again.
func TestSoftlimit(t *testing.T) {
	bin := installed(t)
	const limits = "for what in d s l v; do ulimit -S -$what; done"
	r := newRig(t, limits+"; ulimit -H -v")
	before, err := exec.Command("sh", "-c", "for what in d s l v; do ulimit -S -$what 81920; done; "+limits+"; ulimit -H -v").Output()
	must(t, err)
	softlimit := r.Script("softlimit", "for what in d s l v; do ulimit -S -$what 81920; done; exec "+bin+` "$@"`)
	s := start(t, r, lspawntest.Options{Path: softlimit})
	for i := range 20 {
		s.Command(to(i, "joe@h"))
	}
	for range 20 {
		if got, want := s.Report().Text, "K"+string(before); got != want {
			t.Errorf("a child's limits are %q, want %q", got, want)
		}
	}
	s.CloseInput()
	s.Exits(0)

	// Without one nothing is said of limits.
	s = start(t, r, lspawntest.Options{Path: bin})
	s.Command(to(1, "joe@h"))
	free, err := exec.Command("sh", "-c", limits+"; ulimit -H -v").Output()
	must(t, err)
	if got, want := s.Report().Text, "K"+string(free); got != want {
		t.Errorf("a child's limits are %q, want %q", got, want)
	}
	s.CloseInput()
	s.Exits(0)
}

// TestSoftlimitVirtual: those who are asked about users of virtual domains need
// the room that qmail-lspawn has made for itself.
func TestSoftlimitVirtual(t *testing.T) {
	r := newVirtualRig(t, "vuser-library")
	r.Script("qmail-local", `printf '%s|%s' "$(ulimit -S -v)" "${PWSTRUCT-none}"`)
	softlimit := r.Script("softlimit", "for what in d s l v; do ulimit -S -$what 81920; done; exec "+installed(t)+` "$@"`)
	s := start(t, r, lspawntest.Options{Path: softlimit, Env: []string{
		"AUTHSELF=", "CONTROLDIR=" + r.Dir + "/control", "QMAIL_LSPAWN_WORKERS=" + r.Dir + "/bin", "VIRTUAL_PKG_LIB=" + compile(t, r, "first"),
	}})
	says(t, s, "virt.example-none@virt.example", "K81920|No such user none@virt.example")
	ends(t, s)
}

// installed makes the program as it is installed.
func installed(t *testing.T) (path string) {
	t.Helper()
	out, err := exec.Command("make", "-s", "-C", "../..", "bin/qmail-lspawn").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir, err := os.Getwd()
	must(t, err)
	return strings.TrimSuffix(dir, "/cmd/qmail-lspawn") + "/bin/qmail-lspawn"
}
