// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/master/names"
)

func TestSettings(t *testing.T) {
	type places struct{ queue, dir, name, local, assign, getpw string }
	for _, test := range []struct {
		env  string
		want places
	}{
		{"", places{"/var/indimail/queue", "/", "/usr/sbin/qmail-local", "/usr/sbin/qmail-local", "/etc/indimail/users/cdb", "/usr/sbin/qmail-getpw"}},
		{
			"QUEUEDIR=/q/queue1 ASSIGNDIR=/a QMAILLOCAL=/usr/sbin/spawn-filter QMAILGETPW=/g",
			places{"/q/queue1", "/", "/usr/sbin/qmail-local", "/usr/sbin/spawn-filter", "/a/cdb", "/g"},
		},
		{
			"QUEUEDIR=queue2 QMAIL_LSPAWN_HOME=/h QMAIL_LSPAWN_BIN=/p/sbin",
			places{"/h/queue2", "/", "/p/sbin/qmail-local", "/p/sbin/qmail-local", "/etc/indimail/users/cdb", "/p/sbin/qmail-getpw"},
		},
		{
			"QMAIL_LSPAWN_PROTOCOL=classic QUEUEDIR=/elsewhere ASSIGNDIR=/a",
			places{"/var/qmail/queue", "/var/qmail", "bin/qmail-local", "bin/qmail-local", "/var/qmail/users/cdb", "bin/qmail-getpw"},
		},
		{
			"QMAIL_LSPAWN_PROTOCOL=big QMAIL_LSPAWN_HOME=/h",
			places{"/h/queue", "/h", "bin/qmail-local", "bin/qmail-local", "/h/users/cdb", "bin/qmail-getpw"},
		},
	} {
		s, err := parseEnviron(strings.Fields(test.env))
		if err != nil {
			t.Errorf("%s: %v", test.env, err)
			continue
		}
		c := s.c
		if got := (places{s.queue, c.Dir, c.LocalName, c.Local, c.Assign, c.Getpw}); got != test.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.env, got, test.want)
		}
	}
	s, err := parseEnviron([]string{"QMAIL_LSPAWN_CACHE_TIME=5", "QMAIL_LSPAWN_HELD_TIME=2m", "SETUSER_PRIVILEGES=", "QMAIL_LSPAWN_GETPW=builtin", "QMAIL_LSPAWN_BREAK=+"})
	must(t, err)
	if c := s.c; s.virtual != nil || c.Cache != 5*time.Second || c.Held != 2*time.Minute || !c.AllGroups || c.FilesOnly || !c.Builtin || c.Break != '+' || c.Limit != 500 {
		t.Errorf("%+v", c)
	}
	s, err = parseEnviron([]string{"USE_QPWGR=1"})
	must(t, err)
	if c := s.c; s.virtual != nil || c.Cache != 0 || c.Held != 10*time.Minute || c.AllGroups || !c.FilesOnly || c.Builtin || c.Break != '-' || c.Alias != "alias" {
		t.Errorf("%+v", c)
	}
}

// A setting that makes no sense ends the program: what was meant, nobody knows.
func TestBadSettings(t *testing.T) {
	for env, want := range map[string]string{
		"QMAIL_LSPAWN_PROTOCOL=netqmail":                       "unknown protocol: netqmail",
		"QMAIL_LSPAWN_LIMIT=0":                                 "not a number from 1 to 32767: 0",
		"QMAIL_LSPAWN_LIMIT=40000":                             "not a number from 1 to 32767: 40000",
		"QMAIL_LSPAWN_LIMIT=256 QMAIL_LSPAWN_PROTOCOL=classic": "not a number from 1 to 255: 256",
		"QMAIL_LSPAWN_LIMIT=ten":                               "not a number",
		"QMAIL_LSPAWN_GETPW=yes":                               "unknown word: yes",
		"QMAIL_LSPAWN_CACHE_TIME=-1s":                          "not a time",
		"QMAIL_LSPAWN_HELD_TIME=long":                          "not a time: long",
		"QMAIL_LSPAWN_HOME=qmail":                              "not an absolute path: qmail",
		"QMAIL_LSPAWN_BREAK=--":                                "not one byte",
		"AUTHSELF= QMAIL_LSPAWN_VIRTUAL=postgres":              "QMAIL_LSPAWN_VIRTUAL: unknown word: postgres; specify auto or mysql or library",
		"AUTHSELF= QMAIL_LSPAWN_VIRTUAL_DOWN=bounce":           "QMAIL_LSPAWN_VIRTUAL_DOWN: unknown word: bounce; specify defer or deliver",
		"AUTHSELF= QMAIL_LSPAWN_VIRTUAL_PROCESSES=0":           "QMAIL_LSPAWN_VIRTUAL_PROCESSES: not a number from 1 to 1000: 0",
		"AUTHSELF= QMAIL_LSPAWN_VIRTUAL_TIME=x":                "QMAIL_LSPAWN_VIRTUAL_TIME: not a time: x",
		"AUTHSELF= QMAIL_LSPAWN_LOG=/dev/null":                 "QMAIL_LSPAWN_LOG: unknown word",
	} {
		if _, err := parseEnviron(strings.Fields(env)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", env, err, want)
		}
	}
}

func TestUsersOfSettings(t *testing.T) {
	etc := t.TempDir()
	must(t, os.WriteFile(etc+"/passwd", []byte("qmailq:x:11:1::/:\nqmailp:x:12:1::/:\n"), 0o644))
	must(t, os.WriteFile(etc+"/group", []byte("nofiles:x:13:\n"), 0o644))
	resolve := func(self *loop.User, env ...string) (*Config, error) {
		s, err := parseEnviron(env)
		must(t, err)
		n := names.New()
		n.Etc = etc
		err = s.resolve(n, self)
		return s.c, err
	}
	c, err := resolve(nil)
	must(t, err)
	if u := c.GetpwUser; c.Owner != 11 || c.Self != nil || u.UID != 12 || u.GID != 13 || !slices.Equal(u.Groups, []int{13}) {
		t.Errorf("%+v, %+v", c, u)
	}
	self := &loop.User{UID: 77, GID: 78}
	if c, err = resolve(self, ours+"QMAILQ=77"); err != nil || c.Owner != 77 || c.GetpwUser != nil || c.Self != self {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err = resolve(nil, ours+"NOFILES=other"); !errors.Is(err, names.ErrPending) || !strings.Contains(err.Error(), "other") {
		t.Errorf("a group that the files do not have: %v", err)
	}
	s, err := parseEnviron([]string{"AUTHSELF=", ours + "VIRTUAL_USER=qmailq"})
	must(t, err)
	n := names.New()
	n.Etc = etc
	if err = s.resolve(n, nil); err != nil || s.virtual.as == nil || s.virtual.as.UID != 11 || s.virtual.as.GID != 1 || !slices.Equal(s.virtual.as.Groups, []int{1}) {
		t.Errorf("%+v, %v", s.virtual.as, err)
	}
	if _, err = resolve(nil, "AUTHSELF=", ours+"VIRTUAL_USER=other"); !errors.Is(err, names.ErrPending) {
		t.Errorf("a user that the files do not have: %v", err)
	}
	if _, err = resolve(nil, ours+"NOFILES=other", ours+"GETPW=builtin"); err != nil {
		t.Errorf("a group that nobody needs: %v", err)
	}
}
