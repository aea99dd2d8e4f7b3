// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
)

var errLater = errors.New("later")

// setup returns a Setup for a master.cf line's arguments, on a system whose
// users are named in the function.
func setup(t *testing.T, main string, args ...string) Setup {
	t.Helper()
	m, err := cfg.ParseMain("main.cf", strings.NewReader(main))
	if err != nil {
		t.Fatal(err)
	}
	m.SetDefault("myhostname", "host.example")
	s := &cfg.Service{File: "master.cf", Line: 1, Name: "pol", Type: cfg.Unix, Command: "spawn", Args: args}
	overrides, _, err := s.Overrides()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range overrides {
		m.Set(o.Name, o.Value)
	}
	p, err := m.Params()
	if err != nil {
		t.Fatal(err)
	}
	users := map[string][2]int{"root": {0, 0}, "postfix": {102, 105}, "nobody": {65534, 65534}, "toor": {7, 0}, "pfgroup": {8, 105}, "minus": {-1, 9}}
	groups := map[string]int{"mail": 8, "root": 0, "postfix": 105}
	return Setup{
		Service: s, Main: m, Params: p,
		Environ: []string{"TZ=UTC", "MAIL_CONFIG=/etc/postfix", "HOME=/root", "PATH=/opt/bin", "LANG=C"},
		User: func(name string) (int, int, error) {
			if name == "slow" {
				return 0, 0, errLater
			}
			if u, ok := users[name]; ok {
				return u[0], u[1], nil
			}
			return 0, 0, errors.New("no such user")
		},
		Group: func(name string) (int, error) {
			if g, ok := groups[name]; ok {
				return g, nil
			}
			return 0, errors.New("no such group")
		},
		Wait: func(err error) bool { return errors.Is(err, errLater) },
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args     []string
		argv     []string
		path     string
		uid, gid int
		limit    time.Duration
	}{
		{[]string{"user=nobody", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", 65534, 65534, 1000 * time.Second},
		{[]string{"USER=nobody:mail", "ARGV=id", "-u", "A=B"}, []string{"id", "-u", "A=B"}, "/usr/bin/id", 65534, 8, 1000 * time.Second},
		{[]string{"user=nobody:", "argv=/bin/echo", "", "user=root"}, []string{"/bin/echo", "", "user=root"}, "/bin/echo", 65534, 65534, 1000 * time.Second},
		{[]string{"user=root", "user=nobody:mail", "user=nobody", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", 65534, 65534, 1000 * time.Second}, // the last counts
		{[]string{"-o", "pol_time_limit=2m", "user=nobody", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", 65534, 65534, 2 * time.Minute},
		{[]string{"-v", "-m", "5", "-i10s", "-o", "command_time_limit=8", "user=nobody", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", 65534, 65534, 8 * time.Second},
		{[]string{"-o", "command_time_limit=7", "user=nobody", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", 65534, 65534, 7 * time.Second},
	} {
		got, err := Parse(setup(t, "", c.args...))
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if !slices.Equal(got.Argv, c.argv) || got.Path != c.path || got.UID != c.uid || got.GID != c.gid || got.TimeLimit != c.limit {
			t.Errorf("%q: %+v, want %+v", c.args, got, c)
		}
		if want := []string{"TZ=UTC", "MAIL_CONFIG=/etc/postfix", "LANG=C", "PATH=/usr/bin:/bin"}; !slices.Equal(got.Env, want) {
			t.Errorf("%q: environment %q, want %q", c.args, got.Env, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ main, args, text string }{
		{"", "argv=/bin/cat", "missing user= attribute"},
		{"", "user=nobody", "missing argv= attribute"},
		{"", "user=nosuch argv=/bin/cat", "unknown user name: nosuch"},
		{"", "user= argv=/bin/cat", "unknown user name: "},
		{"", "user=:mail argv=/bin/cat", "unknown user name: "},
		// What comes first is told first, and what is there before what is missing.
		{"", "user=nosuch user=nobody argv=/bin/cat", "unknown user name: nosuch"},
		{"", "user=nosuch nonsense argv=/bin/cat", "unknown user name: nosuch"},
		{"", "nonsense user=nosuch argv=/bin/cat", "unknown attribute name: nonsense"},
		{"", "user=root nonsense argv=/bin/cat", "unknown attribute name: nonsense"},
		{"", "user=root", "missing argv= attribute"},
		{"", "", "missing user= attribute"},
		{"pol_time_limit = 0\n", "nonsense", "invalid pol_time_limit: 0 (min 1)"},
		{"", "user=65534 argv=/bin/cat", "unknown user name: 65534"},
		{"", "user=nobody:nosuch argv=/bin/cat", "unknown group name: nosuch"},
		{"", "user=root argv=/bin/cat", "request to deliver as root"},
		{"", "user=postfix argv=/bin/cat", "request to deliver as mail system owner"},
		{"", "user=toor argv=/bin/cat", "request to use privileged group id 0"},
		{"", "user=nobody:root argv=/bin/cat", "request to use privileged group id 0"},
		{"", "user=pfgroup argv=/bin/cat", "request to use mail system owner group id 105"},
		{"", "user=minus argv=/bin/cat", "user must not have user ID -1"},
		{"", "directory=/tmp user=nobody argv=/bin/cat", "unknown attribute name: directory=/tmp"},
		{"", "nonsense argv=/bin/cat", "unknown attribute name: nonsense"},
		{"", "user=nobody argv=/no/such/file", "command /no/such/file: no such file or directory"},
		{"", "user=nobody argv=no-such-command", `command "no-such-command" is not in /usr/bin:/bin`},
		{"", "user=nobody argv=", `command "" is not in /usr/bin:/bin`},
		{"pol_time_limit = 5x\n", "user=nobody argv=/bin/cat", "parameter pol_time_limit: bad time value or unit: 5x"},
		{"pol_time_limit = 0\n", "user=nobody argv=/bin/cat", "invalid pol_time_limit: 0 (min 1)"},
		{"", "-c user=nobody argv=/bin/cat", "option -c has no meaning for a service without a process"},
		{"rootless = yes\n", "user=nobody argv=/bin/cat", "user=nobody asks for a change of user, which rootless = yes rules out"},
	} {
		_, err := Parse(setup(t, c.main, strings.Fields(c.args)...))
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s%s: error %v, want %q", c.main, c.args, err, c.text)
		}
	}
	s := setup(t, "", "user=nobody", "argv=/bin/cat")
	s.Service.Unprivileged = true
	if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), "service pol requires privileged operation") {
		t.Errorf("an unprivileged service: %v", err)
	}
	if _, err := Parse(setup(t, "", "user=slow", "argv=/bin/cat")); !errors.Is(err, errLater) {
		t.Errorf("an answer that is not there yet: %v", err)
	}
}

// TestParseInADaemon: the options are gone, the root directory is the one that
// the command is to have, and a missing command is for its clients to see.
func TestParseInADaemon(t *testing.T) {
	for _, c := range []struct {
		args       []string
		argv       []string
		path, text string
	}{
		{[]string{"user=nobody", "argv=/bin/cat", "-x"}, []string{"/bin/cat", "-x"}, "/bin/cat", ""},
		{[]string{"user=nobody", "argv=id"}, []string{"id"}, "/usr/bin/id", ""},
		{[]string{"user=nobody", "argv=/no/such/file"}, []string{"/no/such/file"}, "/no/such/file", ""},
		{[]string{"user=nobody", "argv=no/such/file"}, []string{"no/such/file"}, "no/such/file", ""},
		{[]string{"user=nobody", "argv=no-such-command"}, []string{"no-such-command"}, "/bin/no-such-command", ""},
		{[]string{"user=nobody", "argv="}, []string{""}, "", ""},
		{[]string{"-v", "user=nobody", "argv=/bin/cat"}, nil, "", "unknown attribute name: -v"},
		{[]string{"argv=/bin/cat", "user=nobody"}, nil, "", "missing user= attribute"}, // that is an argument
		{[]string{"user=nosuch", "nonsense"}, nil, "", "unknown user name: nosuch"},
		{[]string{"nonsense", "user=nosuch"}, nil, "", "unknown attribute name: nonsense"},
		{[]string{"user=nosuch", "user=nobody", "argv=/bin/cat"}, nil, "", "unknown user name: nosuch"},
		{[]string{"user=root"}, nil, "", "missing argv= attribute"},
		{[]string{"user=nobody:", "argv=/bin/cat"}, []string{"/bin/cat"}, "/bin/cat", ""},
		{[]string{"user="}, nil, "", "unknown user name: "},
		{[]string{"user"}, nil, "", "unknown attribute name: user"},
		{[]string{"user=nobody", "argv"}, nil, "", "unknown attribute name: argv"},
	} {
		s := setup(t, "")
		s.Daemon, s.Service.Args = true, c.args
		got, err := Parse(s)
		if err != nil || c.text != "" {
			if err == nil || err.Error() != c.text {
				t.Errorf("%q: error %v, want %q", c.args, err, c.text)
			}
			continue
		}
		if !slices.Equal(got.Argv, c.argv) || got.Path != c.path || got.Chroot != "" {
			t.Errorf("%q: %+v, want %+v", c.args, got, c)
		}
	}
}
