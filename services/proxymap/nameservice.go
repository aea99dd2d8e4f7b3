// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/services/table"
)

// Limits on the processes that ask the system's name service.
const (
	maxAsking  = 4   // at once
	maxWaiting = 500 // names in line; more are put off
)

// nameService knows the system's users, groups and hosts, for tables.
//
// What the file of the system knows is answered from there, which is read when it
// has changed. A name that it does not know may be known elsewhere, unless
// nsswitch.conf says that there is no such place: getent(1) then asks. A name that
// several clients want to know is asked for once.
type nameService struct {
	loop   *loop.Loop
	log    *maillog.Logger
	ipv4   bool // addresses are wanted of these families
	ipv6   bool
	etc    string
	new    func() *names.Resolver
	files  map[string]*file
	asking map[question][]func(table.Answer)
	line   []question // not begun
	begun  int
}

// question is a name in passwd, group or hosts.
type question struct{ database, name string }

func newNameService(l *loop.Loop, log *maillog.Logger, p cfg.Protocols) *nameService {
	return &nameService{
		loop: l, log: log, ipv4: p.IPv4, ipv6: p.IPv6, etc: "/etc", new: names.New,
		files:  map[string]*file{},
		asking: map[question][]func(table.Answer){},
	}
}

func (a *nameService) user(name string, later func(table.Answer)) table.Answer {
	return a.find(question{"passwd", name}, later)
}

func (a *nameService) group(name string, later func(table.Answer)) table.Answer {
	return a.find(question{"group", name}, later)
}

// host answers with addresses, from the file of hosts if they are there.
func (a *nameService) host(name string, later func(table.Answer)) table.Answer {
	q := question{"hosts", name}
	if answer, err := a.look(a.new(), q); !errors.Is(err, names.ErrPending) {
		return answer
	}
	return a.ask(q, later)
}

// look returns what n knows of a name, and the error if that is not all there
// is to know.
func (a *nameService) look(n *names.Resolver, q question) (answer table.Answer, err error) {
	if q.database == "hosts" {
		var list []netip.Addr
		list, err = n.Host(q.name, a.ipv4, a.ipv6)
		if err == nil && len(list) == 0 {
			err = names.ErrUnknown
		}
		var words []string
		for _, addr := range list {
			words = append(words, addr.String())
		}
		answer.Value = strings.Join(words, " ")
	} else {
		answer.Value, err = n.Entry(q.database, q.name)
	}
	switch {
	case errors.Is(err, names.ErrUnknown):
		answer.Status = table.NoKey
	case err != nil:
		answer.Status = table.Retry
	}
	return answer, err
}

// find answers from a file, or has the system asked.
func (a *nameService) find(q question, later func(table.Answer)) table.Answer {
	if line, ok := a.file(q.database).lines[q.name]; ok {
		return table.Answer{Value: line}
	}
	if !a.elsewhere(q.database) {
		return table.Answer{Status: table.NoKey}
	}
	return a.ask(q, later)
}

// ask has the system asked.
func (a *nameService) ask(q question, later func(table.Answer)) table.Answer {
	if waiting, ok := a.asking[q]; ok {
		a.asking[q] = append(waiting, later)
		return table.Answer{Status: table.Later}
	}
	if len(a.line) >= maxWaiting {
		a.log.Warnf("getent %s %s: too many names are being asked for", q.database, q.name)
		return table.Answer{Status: table.Retry}
	}
	a.asking[q] = append(a.asking[q], later)
	a.line = append(a.line, q)
	a.next()
	return table.Answer{Status: table.Later}
}

// next asks for the names that are in line, as far as that is possible.
func (a *nameService) next() {
	for len(a.line) > 0 && a.begun < maxAsking {
		q := a.line[0]
		a.line = a.line[1:]
		a.begun++
		n := a.new() // remembers nothing: the next to ask wants to know what is so then
		if _, err := a.look(n, q); !errors.Is(err, names.ErrPending) {
			a.loop.Later(func() { a.asked(q, n) })
			continue
		}
		n.Resolve(a.loop, func() { a.asked(q, n) })
	}
}

// asked gives an answer to all who wait for it.
func (a *nameService) asked(q question, n *names.Resolver) {
	a.begun--
	answer, err := a.look(n, q)
	if answer.Status == table.Retry {
		a.log.Warnf("%s", err)
	}
	waiting := a.asking[q]
	delete(a.asking, q)
	a.next()
	for _, later := range waiting {
		later(answer)
	}
}

// file is a file of the system, as it was when it was last read.
type file struct {
	text  string
	lines map[string]string // by what they begin with, up to a colon
	time  time.Time
	size  int64
	info  os.FileInfo
}

// file returns a file, read again if it has changed. One that cannot be read is
// empty.
func (a *nameService) file(name string) *file {
	path := a.etc + "/" + name
	info, err := os.Stat(path)
	f := a.files[name]
	if f != nil && (err != nil && f.info == nil ||
		err == nil && f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.time) && info.Size() == f.size) {
		return f
	}
	f = &file{lines: map[string]string{}}
	a.files[name] = f
	if err != nil {
		return f
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return f
	}
	f.info, f.time, f.size, f.text = info, info.ModTime(), info.Size(), string(text)
	for line := range strings.Lines(f.text) {
		line = strings.TrimRight(line, "\r\n")
		key, _, ok := strings.Cut(line, ":")
		if !ok || key == "" || strings.ContainsRune("#+-", rune(key[0])) { // a comment, or NIS
			continue
		}
		if _, there := f.lines[key]; !there {
			f.lines[key] = line
		}
	}
	return f
}

// elsewhere reports whether anything but the file may know a name.
func (a *nameService) elsewhere(database string) bool {
	sources, ok := a.file("nsswitch.conf").lines[database]
	if !ok {
		return true
	}
	_, sources, _ = strings.Cut(sources, ":")
	sources, _, _ = strings.Cut(sources, "#")
	for word := range strings.FieldsSeq(sources) {
		if word != "files" {
			return true
		}
	}
	return false
}
