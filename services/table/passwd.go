// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strconv"
	"strings"
)

// unixTable is passwd.byname or group.byname. The files answer at once; for a
// name that is not in them, Env.User or Env.Group does.
type unixTable struct {
	common
	what    string // for messages
	file    string
	parse   func(line string) (name, entry string, ok bool)
	ask     func(name string, later func(Answer)) Answer
	sources sources
	entries map[string]string
	closed  bool
}

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

func openUnix(e *Env, name string, m Mode, _ Flags) (Table, error) {
	if err := readOnly("unix", name, m); err != nil {
		return nil, err
	}
	t := &unixTable{common: common{e, "unix:" + name, Fixed}}
	switch name {
	case "passwd.byname":
		t.what, t.file, t.parse, t.ask = "password", passwdFile, passwdLine, e.User
	case "group.byname":
		t.what, t.file, t.parse, t.ask = "group", groupFile, groupLine, e.Group
	default:
		return nil, fmt.Errorf("unknown table: unix:%s", name)
	}
	return t, nil
}

func (t *unixTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	err := t.refresh()
	if entry, ok := t.entries[key]; ok {
		return t.answer(key, entry, f)
	}
	if t.ask == nil {
		if err != nil {
			t.env.Log.Warnf("cannot access UNIX %s database: %s", t.what, err)
			return Answer{Status: Retry}
		}
		return Answer{Status: NoKey}
	}
	return t.checked(key, t.ask(key, func(a Answer) {
		if !t.closed {
			later(t.checked(key, a, f))
		}
	}), f)
}

// checked passes an answer on if it is about the name that was asked for: the
// system takes numbers for names, too.
func (t *unixTable) checked(key string, a Answer, f Flags) Answer {
	if a.Status != OK {
		return a
	}
	name, entry, ok := t.parse(a.Value)
	if !ok || name != key {
		return Answer{Status: NoKey}
	}
	return t.answer(key, entry, f)
}

// refresh reads the file if it has changed. On an error what is known stays.
func (t *unixTable) refresh() error {
	if t.entries != nil && !t.sources.Changed() {
		return nil
	}
	s := t.env.newSources()
	text, err := s.read(t.file)
	if err != nil {
		return err
	}
	t.sources, t.entries = s, map[string]string{}
	for line := range strings.Lines(text) {
		if name, entry, ok := t.parse(strings.TrimRight(line, "\r\n")); ok && t.entries[name] == "" {
			t.entries[name] = entry
		}
	}
	return nil
}

func (t *unixTable) Close() { t.closed = true }

// passwdLine returns a line of passwd(5) as the original writes it.
func passwdLine(line string) (name, entry string, ok bool) {
	f := strings.Split(line, ":")
	if len(f) != 7 || !isEntry(f[0]) || !number(&f[2]) || !number(&f[3]) {
		return "", "", false
	}
	return f[0], strings.Join(f, ":"), true
}

// groupLine returns a line of group(5) as the original writes it.
func groupLine(line string) (name, entry string, ok bool) {
	f := strings.Split(line, ":")
	if len(f) != 4 || !isEntry(f[0]) || !number(&f[2]) {
		return "", "", false
	}
	return f[0], strings.Join(f, ":"), true
}

// isEntry refuses comments, and the plus and minus that mean NIS.
func isEntry(name string) bool { return name != "" && strings.IndexByte("#+-", name[0]) < 0 }

// number writes a user's or group's number as the system does.
func number(s *string) bool {
	n, err := strconv.ParseUint(*s, 10, 32)
	*s = strconv.FormatUint(n, 10)
	return err == nil
}
