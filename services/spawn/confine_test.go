// SPDX-License-Identifier: ISC

//go:build linux

package spawn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"

	"golang.org/x/sys/unix"
)

func TestConfined(t *testing.T) {
	for text, want := range map[string]bool{
		"": false,
		"spawn_nice =\nspawn_rlimits =\nspawn_capabilities =\nspawn_no_new_privs = no": false,
		"spawn_nice = 5":            true,
		"spawn_rlimits = nonsense":  true,
		"spawn_capabilities = none": true,
		"spawn_no_new_privs = yes":  true,
		"spawn_no_new_privs = what": true,
		"spawn_rlimits = ${x":       true,
		"spawn_protocol = wait":     true,
	} {
		main, err := cfg.ParseMain("main.cf", strings.NewReader(text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := Confined(main); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseRlimits(t *testing.T) {
	got, err := parseRlimits("nofile=64:128, AS=100M\tcpu=10 core=0 fsize=unlimited stack=8m:infinity")
	want := []loop.Rlimit{
		{Resource: unix.RLIMIT_NOFILE, Cur: 64, Max: 128},
		{Resource: unix.RLIMIT_AS, Cur: 100 << 20, Max: 100 << 20},
		{Resource: unix.RLIMIT_CPU, Cur: 10, Max: 10},
		{Resource: unix.RLIMIT_CORE},
		{Resource: unix.RLIMIT_FSIZE, Cur: math.MaxUint64, Max: math.MaxUint64},
		{Resource: unix.RLIMIT_STACK, Cur: 8 << 20, Max: math.MaxUint64},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// TestConfinementRefused: what is wrong in each parameter, and what is said.
func TestConfinementRefused(t *testing.T) {
	for _, c := range []struct{ main, text string }{
		{"spawn_rlimits = nofile", "parameter spawn_rlimits: nofile: specify name=limit or name=soft:hard"},
		{"spawn_rlimits = files=3", "parameter spawn_rlimits: unknown limit: files; known are as, core, cpu,"},
		{"spawn_rlimits = nofile=x", `parameter spawn_rlimits: nofile=x: bad number: "x"; specify one such as`},
		{"spawn_rlimits = nofile=", `parameter spawn_rlimits: nofile=: bad number: ""`},
		{"spawn_rlimits = nofile=1kk", `parameter spawn_rlimits: nofile=1kk: bad number: "1kk"`},
		{"spawn_rlimits = as=99999999999G", `bad number: "99999999999G"`},
		{"spawn_rlimits = nofile=-1", `bad number: "-1"`},
		{"spawn_rlimits = nofile=20:10", "parameter spawn_rlimits: nofile=20:10: the soft limit is above the hard one"},
		{"spawn_rlimits = nofile=20 nofile=10", "parameter spawn_rlimits: nofile=10: there is one for nofile already"},
		{"spawn_nice = low", "parameter spawn_nice: bad value: low; specify a number, from 1"},
		{"spawn_nice = 41", "parameter spawn_nice: bad value: 41"},
		{"spawn_capabilities = none, kill", "parameter spawn_capabilities: unknown capability: none"},
		{"spawn_capabilities = root", "parameter spawn_capabilities: unknown capability: root; see capabilities(7), or specify none"},
		{"spawn_protocol = inetd", "parameter spawn_protocol: unrecognized value: inetd; specify one of connection, wait, listen-fds"},
		{"spawn_no_new_privs = 1", "spawn_no_new_privs"},
		{"spawn_client_environment = inetd", "parameter spawn_client_environment: unknown style: inetd; specify tcpserver, xinetd or systemd"},
	} {
		s := setup(t, c.main+"\n", "user=nobody", "argv=/bin/cat")
		s.Confines = true
		if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, want %q", c.main, err, c.text)
		}
	}
	s := setup(t, "rootless = yes\nspawn_capabilities = none\n", "argv=/bin/cat")
	s.Confines = true
	if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), "takes root, which rootless = yes rules out") {
		t.Errorf("rootless: %v", err)
	}
	s = setup(t, "spawn_protocol = wait\n", "user=nobody", "argv=/bin/cat")
	s.Daemon = true // who has been given a client cannot give the socket away
	if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), "spawn_protocol = wait takes a master that serves spawn itself") {
		t.Errorf("the daemon: %v", err)
	}
	s = setup(t, "spawn_no_new_privs = yes\n", "user=nobody", "argv=/bin/cat")
	if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), "not to be had on this system") {
		t.Errorf("where there is no such thing: %v", err)
	}
}

// TestConfinement: parameters of one service reach its commands.
func TestConfinement(t *testing.T) {
	s := setup(t, "rootless = yes\nspawn_nice = 2\n", "-o", "spawn_rlimits=nofile=40:50,core=0", "-o", "spawn_no_new_privs=yes",
		"argv=/bin/sh", "-c", "nice; ulimit -n; ulimit -H -n; ulimit -c; grep NoNewPrivs /proc/self/status")
	s.Confines = true
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	c.TimeLimit = time.Minute
	stage := newStageOf(t, *c, c.Argv...)
	if !stage.l.Confines() {
		t.Skip("the loop's tag says so")
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // of Linux: 20 less what it is
	if err != nil {
		t.Fatal(err)
	}
	nice := min(20-raw+2, 19)
	if got, want := stage.all(stage.client()), fmt.Sprintf("%d\n40\n50\n0\nNoNewPrivs:\t1\n", nice); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	stage.finish(1)
}

func FuzzParseRlimits(f *testing.F) {
	for _, s := range []string{"nofile=64:128, as=100M", "cpu=10", "core=unlimited:unlimited", "x", "=", "as=1k:", "fsize=18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseRlimits(text)
		for _, l := range list {
			if err == nil && l.Cur > l.Max {
				t.Errorf("%q: %+v", text, l)
			}
		}
	})
}
