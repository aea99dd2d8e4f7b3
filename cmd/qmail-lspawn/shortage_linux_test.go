// SPDX-License-Identifier: ISC

package main

import (
	"strings"
	"syscall"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// TestFewProcesses: a want of processes defers mail, and ends nothing.
func TestFewProcesses(t *testing.T) {
	needRoot(t) // whom no such limit is for; so the program is another user's
	t.Parallel()
	const user = 4321 // who has no other processes
	for _, protocol := range protocols {
		want := "Zqmail-spawn unable to fork. (#4.3.0)\n"
		if protocol == "indimail" {
			want = "Zqmail-spawn unable to fork or out of mem. (#4.3.0)\n"
		}
		r := newRig(t, `case $6 in wait) read x <DIR/out/gate;; esac; echo done`)
		r.UID, r.GID = user, user
		r.Assign("=joe:joe:UID:GID:/:::\n+joe-:joe:UID:GID:/:-::\n")
		r.Owner = user
		r.Message("7/1", "")
		gate := fifo(t, r, "gate")
		copyOf(t, r)
		s := start(t, r, lspawntest.Options{
			Path: r.Script("few", `exec prlimit --nproc=50 DIR/bin/qmail-lspawn "$@"`), Protocol: protocol,
			User: &syscall.Credential{Uid: user, Gid: user},
		})
		for range 2 {
			const n = 60
			for i := range n {
				s.Command(to(i, "joe-wait@h"))
			}
			deferred := 0
			lspawntest.Until(t, "the last command", func() bool {
				got := s.Report()
				if got.Text != want {
					t.Errorf("%s: %+v", protocol, got)
				}
				deferred++
				return got.Number == n-1
			})
			s.Command(to(100, "other@h")) // for whom there would be a qmail-getpw
			if got := s.Report(); got.Text != "ZTemporary failure in qmail-lspawn.\n" {
				t.Errorf("%s: %+v", protocol, got)
			}
			_, err := gate.WriteString(strings.Repeat("\n", n-deferred))
			must(t, err)
			for range n - deferred {
				if got := s.Report(); got.Text != "Kdone\n" {
					t.Errorf("%s: %+v", protocol, got)
				}
			}
			s.Command(to(1, "joe@h"))
			if got := s.Report(); got.Text != "Kdone\n" {
				t.Errorf("%s: %+v", protocol, got)
			}
		}
		s.CloseInput()
		s.Exits(0)
	}
}
