// SPDX-License-Identifier: ISC

package main

import (
	"strings"
	"testing"

	"postloop/master/proto"
	"postloop/services/skeleton/mastertest"

	"golang.org/x/sys/unix"
)

// TestBothServices are one program: what one may read is not for the other.
func TestBothServices(t *testing.T) {
	t.Parallel()
	main := "proxy_read_maps = proxy:static:all\nproxy_write_maps = proxy:internal:notes\n"
	d := start(t, mastertest.Options{Main: main})
	c := talk(t, d.Dial())
	if got := c.ask("request=open", "table=static:all", "flags=0"); got != "status=0 flags=16" {
		t.Errorf("open: %s", got)
	}
	for request, want := range map[string]string{
		"request=lookup table=static:all flags=0 key=k":                             "status=0 value=all",
		"request=lookup table=static:all instance_flags=16384 flags=16400 key=k":    "status=0 flags=16400 value=all",
		"request=lookup table=internal:notes flags=0 key=k":                         "status=4 value=",
		"request=update table=static:all flags=0 key=k value=v":                     "status=4",
		"request=lookup table=unix:passwd.byname instance_flags=0 flags=16 key=nbd": "status=4 flags=0 value=", // the list is not the default
	} {
		if got := c.ask(strings.Fields(request)...); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
	d.Says(proto.Taken, proto.Available)
	d.Silent()
	if session, _ := unix.Getsid(d.Pid); session == d.Pid {
		t.Error("who only reads needs no session")
	}

	d = start(t, mastertest.Options{Main: main}, "-n", "proxywrite")
	c = talk(t, d.Dial())
	other := talk(t, d.Dial())
	for _, step := range []struct{ request, want string }{
		{"request=update table=internal:notes flags=0 key=k value=v", "status=0"},
		{"request=update table=internal:notes flags=3 key=k value=w", "status=0"},
		{"request=lookup table=internal:notes flags=0 key=k", "status=0 value=w"},
		{"request=sequence table=internal:notes flags=0 function=0", "status=0 key=k value=w"},
		{"request=sequence table=internal:notes flags=0 function=1", "status=1 key= value="},
		{"request=delete table=internal:notes flags=0 key=k", "status=0"},
		{"request=delete table=internal:notes flags=0 key=k", "status=1"},
		{"request=lookup table=static:all flags=0 key=k", "status=4 value="},
	} {
		if got := c.ask(strings.Fields(step.request)...); got != step.want {
			t.Errorf("%s: %s, want %s", step.request, got, step.want)
		}
	}
	if got := other.ask("request=lookup", "table=internal:notes", "instance_flags=1", "flags=17", "key=k"); got != "status=1 flags=17 value=" {
		t.Errorf("another client: %s", got)
	}
	if session, _ := unix.Getsid(d.Pid); session != d.Pid {
		t.Error("who writes is in the session of somebody else")
	}
}

// TestUsersByDefault: a stock main.cf has the system's users asked for.
func TestUsersByDefault(t *testing.T) {
	t.Parallel()
	c := talk(t, start(t, mastertest.Options{}).Dial())
	if got := c.ask("request=lookup", "table=unix:passwd.byname", "flags=0", "key=root"); !strings.HasPrefix(got, "status=0 value=root:") {
		t.Error(got)
	}
	if got := c.ask("request=lookup", "table=unix:passwd.byname", "flags=0", "key=nobody-of-that-name"); got != "status=1 value=" {
		t.Error(got)
	}
}

// TestRefusals: what is wrong with an entry is found out before the first
// client.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		main string
		want string
	}{
		{[]string{"-n", "pmap2"}, "", `fatal: invalid service name: "pmap2" - service name must be "proxywrite" or "proxymap"`},
		{[]string{"more"}, "", "fatal: unexpected command-line argument: more"},
		{nil, "proxy_read_maps = $a\na = ${b\n", "main.cf, line 5: parameter a: truncated macro reference"},
		{nil, "smtputf8_enable = perhaps\n", "bad boolean configuration: smtputf8_enable = perhaps"},
	} {
		d := start(t, mastertest.Options{Main: c.main}, c.args...)
		d.Exits(1)
		if log := d.Log(); !strings.Contains(log, c.want) {
			t.Errorf("%v %q: the log has %q", c.args, c.main, log)
		}
	}
}

// TestOpenErrorIsFatal, if that is asked for.
func TestOpenErrorIsFatal(t *testing.T) {
	t.Parallel()
	main := "proxy_read_maps = proxy:nosuch:x\ndaemon_table_open_error_is_fatal = "
	d := start(t, mastertest.Options{Main: main + "no\n"})
	if got := talk(t, d.Dial()).ask("request=open", "table=nosuch:x", "flags=0"); got != "status=0 flags=32" {
		t.Error(got)
	}
	d.WaitLog("error: unsupported dictionary type: nosuch")
	d = start(t, mastertest.Options{Main: main + "yes\n"})
	talk(t, d.Dial()).ask("request=open", "table=nosuch:x", "flags=0")
	d.Exits(1)
	if !strings.Contains(d.Log(), "fatal: unsupported dictionary type: nosuch") {
		t.Error("the log does not say why")
	}
}
