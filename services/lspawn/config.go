// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"postloop/loop"
	"postloop/master/names"
)

// Config is what a Service works from. Paths that are not absolute are below
// Dir.
type Config struct {
	Protocol Protocol
	Limit    int    // deliveries at once, as announced
	Default  string // where qmail-local delivers to a user who does not say
	Owner    int    // user whose messages are
	Env      []string
	Lookup   Lookup // nil: nothing is to be known of a recipient

	Dir       string // where qmail-local and qmail-getpw start
	LocalName string // argv[0] of qmail-local, whatever is executed
	Local     string // what is executed
	Assign    string // users/cdb; absolute

	Getpw     string
	GetpwUser *loop.User // nil: whoever we are
	Builtin   bool       // no qmail-getpw: passwd(5) is read here
	Passwd    string     // absolute
	Break     byte       // ends the part of an address that can be a user's name
	Alias     string     // the user who gets what is nobody's
	Cache     time.Duration

	AllGroups bool          // a user that getpw has found gets all groups of the system's
	FilesOnly bool          // which passwd(5) and group(5) know
	Held      time.Duration // how long the output of a qmail-local that has ended is waited for; 0: for ever
	Self      *loop.User    // who we are; nil: root, who can become anybody
	Rlimits   []loop.Rlimit // of children, where they differ from ours
}

// settings are what the environment says, before names are numbers.
type settings struct {
	c                      *Config
	queue                  string // its directory
	owner, getpwUser, none string // users, and a group
	virtual                *virtualSettings
}

// parseEnviron reads the settings.
func parseEnviron(environ []string) (*settings, error) {
	e := variables(environ)
	p, err := parseProtocol(e.or(ours+"PROTOCOL", IndiMail.String()))
	if err != nil {
		return nil, fmt.Errorf("%sPROTOCOL: %w", ours, err)
	}
	c := &Config{Protocol: p, Env: baseEnviron(environ), Passwd: "/etc/passwd"}
	s := &settings{
		c: c, owner: e.or(ours+"QMAILQ", "qmailq"), getpwUser: e.or(ours+"QMAILP", "qmailp"), none: e.or(ours+"NOFILES", "nofiles"),
	}
	if home := e.or(ours+"HOME", "/"); !path.IsAbs(home) {
		return nil, fmt.Errorf("%sHOME: not an absolute path: %s", ours, home)
	}
	s.places(e)
	if e.has("AUTHSELF") {
		if s.virtual, err = s.parseVirtual(e); err != nil {
			return nil, err
		}
	}
	c.AllGroups, c.FilesOnly = e.has("SETUSER_PRIVILEGES"), e.has("USE_QPWGR")
	c.Alias = e.or(ours+"ALIAS", "alias")
	if mark := e.or(ours+"BREAK", "-"); len(mark) == 1 {
		c.Break = mark[0]
	} else {
		return nil, fmt.Errorf("%sBREAK: not one byte: %s", ours, mark)
	}
	how, err := e.word(ours+"GETPW", "process", "builtin")
	if err != nil {
		return nil, err
	}
	c.Builtin = how == "builtin"
	if c.Limit, err = e.limit(p); err != nil {
		return nil, err
	}
	if c.Cache, err = e.duration(ours+"CACHE_TIME", "0"); err != nil {
		return nil, err
	}
	c.Held, err = e.duration(ours+"HELD_TIME", "10m")
	return s, err
}

// places are the files and directories of a distribution.
func (s *settings) places(e variables) {
	c := s.c
	home, bin := "/var/qmail", "bin"
	if c.Protocol == IndiMail {
		home, bin = "/var/indimail", "/usr/sbin"
	}
	home, bin = e.or(ours+"HOME", home), e.or(ours+"BIN", bin)
	c.Dir, c.Assign, s.queue = home, home+"/users/cdb", home+"/queue"
	if c.Protocol == IndiMail {
		c.Dir = "/"
		c.Assign = e.or("ASSIGNDIR", "/etc/indimail/users") + "/cdb"
		if s.queue = e.or("QUEUEDIR", "queue"); !path.IsAbs(s.queue) {
			s.queue = path.Join(home, s.queue)
		}
	}
	c.LocalName = bin + "/qmail-local"
	c.Local = e.or("QMAILLOCAL", c.LocalName)
	c.Getpw = e.or("QMAILGETPW", bin+"/qmail-getpw")
}

// resolve turns the names of users into numbers; see names.ErrPending.
func (s *settings) resolve(n *names.Resolver, self *loop.User) error {
	c := s.c
	c.Self = self
	owner, err1 := number(s.owner, userID(n))
	c.Owner = owner
	if self == nil && s.virtual != nil {
		err1 = errors.Join(err1, s.virtual.resolve(n))
	}
	if self != nil || c.Builtin {
		return err1
	}
	uid, err2 := number(s.getpwUser, userID(n))
	gid, err3 := number(s.none, func(name string) (int, error) {
		g, err := n.Group(name)
		return g.GID, err
	})
	c.GetpwUser = &loop.User{UID: uid, GID: gid, Groups: []int{gid}}
	return errors.Join(err1, err2, err3)
}

func userID(n *names.Resolver) func(string) (int, error) {
	return func(name string) (int, error) {
		u, err := n.User(name)
		return u.UID, err
	}
}

// number returns what name is, or what find says of it.
func number(name string, find func(string) (int, error)) (int, error) {
	if id, ok := parseID(name); ok {
		return id, nil
	}
	id, err := find(name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}

// variables is an environment. Of two values of one variable the first counts,
// as in the C library.
type variables []string

// or returns the value of a variable, or that other one if it has none.
func (e variables) or(name, other string) string {
	if i := find(e, name); i >= 0 && len(e[i]) > len(name)+1 {
		return e[i][len(name)+1:]
	}
	return other
}

// has reports whether a variable is set, to whatever value.
func (e variables) has(name string) bool { return find(e, name) >= 0 }

// defaultLimits are those that qmail and IndiMail are built with.
var defaultLimits = [...]int{Classic: 120, Big: 500, IndiMail: 500}

func (e variables) limit(p Protocol) (int, error) {
	return e.number(ours+"LIMIT", defaultLimits[p], p.most())
}

// number returns a number from 1 to most.
func (e variables) number(name string, other, most int) (int, error) {
	text := e.or(name, strconv.Itoa(other))
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: not a number from 1 to %d: %s", name, most, text)
	}
	return n, nil
}

// word returns a value that has to be one of those words.
func (e variables) word(name string, words ...string) (string, error) {
	text := e.or(name, words[0])
	if !slices.Contains(words, text) {
		return "", fmt.Errorf("%s: unknown word: %s; specify %s", name, text, strings.Join(words, " or "))
	}
	return text, nil
}

// duration returns a time, of seconds if it has no unit.
func (e variables) duration(name, other string) (time.Duration, error) {
	text := e.or(name, other)
	if strings.Trim(text, "0123456789") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: not a time: %s", name, strings.TrimSuffix(text, "s"))
	}
	return d, nil
}
