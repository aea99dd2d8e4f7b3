// SPDX-License-Identifier: ISC

package main

import (
	"strings"
	"testing"
	"time"

	"postloop/services/skeleton/mastertest"
)

// TestRefusals: an entry with an error looks healthy until somebody uses it.
// Then the log says what is wrong, and a second later the client sees the end.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const owner = "mail_owner = daemon\n"
	cases := []struct {
		main string // empty: rootless
		args string
		text string
	}{
		{"", "user=nobody argv=/bin/cat", "user=nobody asks for a change of user, which rootless = yes rules out"},
		{"", "", "missing argv= attribute"},
		{"", "nonsense argv=/bin/cat", "unknown attribute name: nonsense"},
		{"", "-o it_time_limit=5y argv=/bin/cat", "fatal: parameter it_time_limit: bad time value or unit: 5y"},
		{"", "-o it_time_limit=0 argv=/bin/cat", "fatal: invalid it_time_limit: 0 (min 1)"},
		{"", "-o export_environment==x argv=/bin/cat", "missing attribute name in: =x"},
		{owner, "argv=/bin/cat", "fatal: missing user= attribute"},
		{owner, "user=nobody", "fatal: missing argv= attribute"},
		{owner, "user=no-such-user-at-all argv=/bin/cat nonsense", "fatal: unknown user name: no-such-user-at-all"},
		{owner, "user=no-such-user-at-all nonsense", "fatal: unknown user name: no-such-user-at-all"},
		{owner, "nonsense user=no-such-user-at-all", "fatal: unknown attribute name: nonsense"},
		{owner, "user=65534 argv=/bin/cat", "fatal: unknown user name: 65534"},
		{owner, "user=nobody:no-such-group argv=/bin/cat", "fatal: unknown group name: no-such-group"},
		{owner, "user=root argv=/bin/cat", "fatal: request to deliver as root"},
		{owner, "user=daemon argv=/bin/cat", "fatal: request to deliver as mail system owner"},
		{owner, "user=nobody:root argv=/bin/cat", "fatal: request to use privileged group id 0"},
		{owner, "user=nobody:daemon argv=/bin/cat", "fatal: request to use mail system owner group id "},
	}
	var started []*mastertest.Daemon
	for _, c := range cases {
		if c.main != "" {
			needRoot(t)
		}
		d := start(t, mastertest.Options{Privileged: c.main != "", Main: c.main}, strings.Fields(c.args)...)
		started = append(started, d)
		d.Silent()
		d.Dial()
	}
	for i, c := range cases {
		d := started[i]
		d.Says(taken)
		d.Exits(1)
		if _, took := d.Wait(); took < time.Second {
			t.Errorf("%s: it ended after %s", c.args, took)
		}
		if !strings.Contains(d.Log(), c.text) {
			t.Errorf("%s: no %q in the log", c.args, c.text)
		}
		d.Silent()
	}
}

// TestRefusedAtTheStart is what does not wait for a client.
func TestRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    mastertest.Options
		args string
		text string
	}{
		{mastertest.Options{Transport: "-"}, "-t fifo", "fatal: unsupported transport type: fifo"},
		{mastertest.Options{}, "-o command_time_limit=0 argv=/bin/cat", "fatal: invalid command_time_limit: 0 (min 1)"},
		{mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n"}, "-u user=nobody argv=/bin/cat", "fatal: service it requires privileged operation"},
	} {
		d := start(t, c.o, strings.Fields(c.args)...)
		d.Exits(1)
		if !strings.Contains(d.Log(), c.text) {
			t.Errorf("%s: no %q in the log", c.args, c.text)
		}
	}
}
