// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// mainWith returns a main.cf with the settings "name=value".
func mainWith(settings ...string) *Main {
	m := NewMain("main.cf")
	m.Set("compatibility_level", "3.6")
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		m.Set(name, value)
	}
	return m
}

func TestParseMaster(t *testing.T) {
	const text = `# comment
smtp      inet  n       -       y       -       -       smtpd

[::1]:25  inet  n - - - 5 smtpd
tlsmgr    unix  -       -       -       1000?   1       tlsmgr -o a=b
  -o { c = d e }
# inside
	{}
postlog unix-dgram n n n - 0 postlogd
`
	got, notes, err := ParseMaster("master.cf", strings.NewReader(text), mainWith("default_process_limit=42"))
	if err != nil || len(notes) != 0 {
		t.Fatal(notes, err)
	}
	want := []Service{
		{File: "master.cf", Line: 2, Name: "smtp", Type: Inet, Unprivileged: true, Chroot: true, Limit: 42, Command: "smtpd", Port: "smtp"},
		{File: "master.cf", Line: 4, Name: "[::1]:25", Type: Inet, Unprivileged: true, Limit: 5, Command: "smtpd", Host: "::1", Port: "25"},
		{
			File: "master.cf", Line: 5, Name: "tlsmgr", Type: Unix, Private: true, Unprivileged: true, Limit: 1, Command: "tlsmgr",
			Wakeup: 1000 * time.Second, WakeupIfUsed: true, Args: []string{"-o", "a=b", "-o", "c = d e", ""},
		},
		{File: "master.cf", Line: 9, Name: "postlog", Type: UnixDgram, Command: "postlogd"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseMasterInvalid(t *testing.T) {
	const form = "; an entry is: name type private unprivileged chroot wakeup_time max_proc command arguments"
	for _, row := range []struct{ text, want string }{
		{"smtp", `missing "transport type" field` + form},
		{"smtp inet", `missing "private" field` + form},
		{"smtp inet n - n -", `missing "max_proc" field` + form},
		{"smtp inet n - n - -", `missing "command" field` + form},
		{"a - - - n - - probe", `field "transport type" has no default value; write it out`},
		{"a unix - - n - - -", `field "command" has no default value; write it out`},
		{"a tcp - - n - - probe", `bad transport type: tcp; specify inet, unix, fifo, pass or unix-dgram`},
		{"a Unix - - n - - probe", `bad transport type: Unix; specify inet, unix, fifo, pass or unix-dgram`},
		{"a unix x - n - - probe", `field "private": bad value: "x"; specify y, n, or - for y`},
		{"a unix - yes n - - probe", `field "unprivileged": bad value: "yes"; specify y, n, or - for y`},
		{"a unix - - Y - - probe", `field "chroot": bad value: "Y"; specify y, n, or - for n`},
		{"a unix - - n x - probe", `field "wakeup_time": bad value: "x"; specify a whole number from 0 to 2147483647, or -`},
		{"a unix - - n -1 - probe", `field "wakeup_time": bad value: "-1"; specify a whole number from 0 to 2147483647, or -`},
		{"a unix - - n - ? probe", `field "max_proc": bad value: "?"; specify a whole number from 0 to 2147483647, or -`},
		{"a unix - - n - 4294967297 probe", `field "max_proc": bad value: "4294967297"; specify a whole number from 0 to 2147483647, or -`},
		{"25 inet - - n - - probe", `inet service cannot be private; specify n as the third field`},
		{"25 inet y - n - - probe", `inet service cannot be private; specify n as the third field`},
		{"a unix - - n - - probe {b", `missing '}' in "{b"`},
		{"a unix - - n - - probe {b}c", `syntax error after '}' in "{b}c"; specify whitespace there`},
	} {
		_, _, err := ParseMaster("m", strings.NewReader("\n"+row.text), mainWith())
		if want := "m, line 2: " + row.want; err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", row.text, err, want)
		}
	}
}

func TestParseMasterInvalidNames(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"[::1", `missing "]"`},
		{"[::1]x", `garbage after "]"`},
		{"[::1]x:25", `garbage after "]"`},
		{"[::1]", "missing service information"},
		{"[::1]:", "missing service information"},
		{"localhost:", "missing service information"},
		{":", "missing service information"},
		{"[]:25", "valid hostname or network address required"},
		{"[ipv6:localhost]:25", "malformed IPv6 address"},
		{"[ipv6:127.0.0.1]:25", "malformed IPv6 address"},
		{"[ipv6:]:25", "malformed IPv6 address"},
		{"[fe80::1%lo]:25", "valid hostname or network address required"},
		{"-x:25", "valid hostname or network address required"},
		{"x-:25", "valid hostname or network address required"},
		{"a..b:25", "valid hostname or network address required"},
		{"a.:25", "valid hostname or network address required"},
		{"a/b:25", "valid hostname or network address required"},
		{"300.1.1.1:25", "valid hostname or network address required"},
		{"1234:25", "valid hostname or network address required"},
		{strings.Repeat("a", 64) + ":25", "valid hostname or network address required"},
		{"25x", "garbage after numerical service"},
		{"localhost:25x", "garbage after numerical service"},
		{"65536", "port number out of range"},
		{"99999999999999999999", "port number out of range"},
	} {
		text := row.name + " inet n - n - - probe"
		_, _, err := ParseMaster("m", strings.NewReader(text), mainWith())
		want := "m, line 1: " + row.want + ` in "` + row.name + `"; specify host:port, [address]:port or port`
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestSplitInetName(t *testing.T) {
	for _, row := range []struct{ name, host, port string }{
		{"smtp", "", "smtp"},
		{":25", "", "25"},
		{"65535", "", "65535"},
		{"::1:25", "::1", "25"},
		{"[::1]:smtp", "::1", "smtp"},
		{"[IPv6:::1]:25", "::1", "25"},
		{"[127.0.0.1]:25", "127.0.0.1", "25"},
		{"a_b.example:25", "a_b.example", "25"},
		{"[localhost]:25", "localhost", "25"},
		{"localhost:x25", "localhost", "x25"},
	} {
		host, port, err := splitInetName(row.name)
		if err != nil || host != row.host || port != row.port {
			t.Errorf("%s: %q, %q, %v; want %q, %q", row.name, host, port, err, row.host, row.port)
		}
	}
}

// Everything that is wrong is reported at once, line by line and field by
// field.
func TestParseMasterCollects(t *testing.T) {
	const text = `a unix x - n - - probe
b unix - - n - - probe
c unix - q z ? ? probe {
  -o a=b
d unix
`
	services, _, err := ParseMaster("m", strings.NewReader(text), mainWith())
	list, ok := errors.AsType[Errors](err)
	if !ok || services != nil {
		t.Fatal(services, err)
	}
	var lines []int
	for _, one := range list {
		lines = append(lines, one.Line)
	}
	if want := []int{1, 3, 3, 3, 3, 3, 5}; !slices.Equal(lines, want) {
		t.Errorf("errors at %v, want %v\n%v", lines, want, err)
	}
}

func TestMasterDefaults(t *testing.T) {
	for _, row := range []struct {
		settings []string
		text     string
		want     string // the services left, "+" for chroot
		notes    []Note
	}{
		{
			[]string{"compatibility_level=0"},
			"a unix - - - - - x\nb unix - - n - - x\n", "a+ b",
			[]Note{{Info, "m: line 1: using backwards-compatible default setting chroot=y"}},
		},
		{[]string{"compatibility_level=1"}, "a unix - - - - - x", "a", nil},
		{[]string{"compatibility_level=0", "rootless=yes"}, "a unix - - - - - x", "a", nil},
		{[]string{"master_service_disable=inet"}, "25 inet\na unix - - n - - x", "a", nil},
		{[]string{"master_service_disable=a/unix, b.unix\tC/UNIX"}, "a unix\nb unix\nc unix\nd unix - - n - - x", "d", nil},
		{[]string{"master_service_disable=!a/unix unix"}, "a unix - - n - - x\nb unix", "a", nil},
		{[]string{"master_service_disable=!!a/unix"}, "a unix\nb unix - - n - - x", "b", nil},
		{[]string{"master_service_disable=127.0.0.1:25/inet x.y.fifo"}, "127.0.0.1:25 inet\nx.y fifo\n25 inet n - n - - x", "25", nil},
		{[]string{"master_service_disable=bogus"}, "a bogus whatever", "", nil},
		{
			[]string{"inet_protocols="},
			"25 inet\na unix - - n - - x", "a",
			[]Note{
				{Warning, "all network protocols are disabled (inet_protocols = )"},
				{Warning, `disabling all type "inet" services in master.cf`},
			},
		},
		{[]string{"inet_interfaces="}, "127.0.0.1:25 inet n - n - - x", "127.0.0.1:25", nil},
		{
			nil, "\n  a unix - - n - - x\n", "",
			[]Note{{Warning, `m: logical line must not start with whitespace: "  a unix - - n - - x"`}},
		},
	} {
		services, notes, err := ParseMaster("m", strings.NewReader(row.text), mainWith(row.settings...))
		if err != nil {
			t.Errorf("%q %q: %v", row.settings, row.text, err)
		}
		var got []string
		for _, s := range services {
			if s.Chroot {
				s.Name += "+"
			}
			got = append(got, s.Name)
		}
		if strings.Join(got, " ") != row.want || !slices.Equal(notes, row.notes) {
			t.Errorf("%q %q: %q, %q; want %q, %q", row.settings, row.text, got, notes, row.want, row.notes)
		}
	}
}

func TestMasterDefaultsInvalid(t *testing.T) {
	for _, row := range []struct{ setting, text, want string }{
		{"rootless=yes", "a unix - - y - - x", `m, line 1: field "chroot": "y" is impossible with rootless = yes; specify n or -`},
		{"inet_interfaces=", ":25 inet n - n - - x", "m, line 1: service definition requires valid host name or address, or non-empty inet_interfaces setting"},
	} {
		_, _, err := ParseMaster("m", strings.NewReader(row.text), mainWith(row.setting))
		if err == nil || err.Error() != row.want {
			t.Errorf("%s, %s:\n got %v\nwant %s", row.setting, row.text, err, row.want)
		}
	}
}

func TestWriteMasterInvalid(t *testing.T) {
	good := Service{File: "f", Line: 4, Name: "a", Type: Unix, Command: "x"}
	for _, row := range []struct {
		change func(*Service)
		want   string
	}{
		{func(s *Service) { s.Name = "" }, "name: nothing there"},
		{func(s *Service) { s.Name = "#a" }, "name: it cannot begin with '#'"},
		{func(s *Service) { s.Name = "a b" }, "name: a space, a line break or a null byte cannot be part of it"},
		{func(s *Service) { s.Command = "-" }, `command: "-" is no command`},
		{func(s *Service) { s.Type = 0 }, "no transport type 0"},
		{func(s *Service) { s.Type = 9 }, "no transport type 9"},
		{func(s *Service) { s.Type, s.Name = Inet, "25" }, `the name says host "" and port "25", not "" and ""`},
		{func(s *Service) { s.Type, s.Name, s.Port, s.Private = Inet, "25", "25", true }, "inet service cannot be private"},
		{func(s *Service) { s.Wakeup = time.Millisecond }, "wakeup: 1ms is not a number of whole seconds from 0 to 2147483647"},
		{func(s *Service) { s.WakeupIfUsed = true }, "wakeup if used, but no wakeup time"},
		{func(s *Service) { s.Limit = -1 }, "a limit of -1 is not from 0 to 2147483647"},
		{func(s *Service) { s.Args = []string{"a\nb"} }, `argument "a\nb": a line break or a null byte`},
		{func(s *Service) { s.Args = []string{" "} }, `argument " ": whitespace at one end`},
		{func(s *Service) { s.Args = []string{"{", "a"} }, `argument "{": braces that do not match`},
	} {
		s := good
		row.change(&s)
		var b strings.Builder
		err := WriteMaster(&b, []Service{good, s})
		want := "f, line 4: service \"" + s.Name + "\": " + row.want + "; master.cf has no way to write it"
		if err == nil || err.Error() != want || b.Len() > 0 {
			t.Errorf("got %v\nwant %s\nwrote %q", err, want, b.String())
		}
	}
}
