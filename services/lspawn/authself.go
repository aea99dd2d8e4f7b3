// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

// virtualSettings are those of an authself, as the environment has them.
type virtualSettings struct {
	program  string // of the processes that are asked
	control  string // the directory of control files
	assign   string // users/cdb
	library  bool   // the program loads one
	cache    bool   // QUERY_CACHE
	deliver  bool
	nullUser *string

	environ map[string]string // of the processes
	workers string            // the directory of the program
	limits  table.Limits
	user    string     // who they run as; empty: whoever we are
	as      *loop.User // its numbers
	log     maillog.Dest
}

// Defaults of the processes that are asked.
const (
	virtualProcesses = 4
	virtualTime      = "30s"
	mostProcesses    = 1000
)

// parseVirtual reads the settings of AUTHSELF.
func (s *settings) parseVirtual(e variables) (*virtualSettings, error) {
	v := &virtualSettings{assign: s.c.Assign, cache: e.has("QUERY_CACHE"), user: e.or(ours+"VIRTUAL_USER", ""), environ: map[string]string{}}
	for _, entry := range s.c.Env {
		name, value, _ := strings.Cut(entry, "=")
		if _, known := v.environ[name]; !known {
			v.environ[name] = value
		}
	}
	control := filepath.Dir(s.queue) + "/control"
	if s.c.Protocol == IndiMail {
		control = "/etc/indimail/control"
	}
	v.control = e.or("CONTROLDIR", control)
	if i := find(e, "ROUTE_NULL_USER"); i >= 0 {
		_, text, _ := strings.Cut(e[i], "=")
		v.nullUser = &text
	}
	how, err1 := e.word(ours+"VIRTUAL", "auto", "mysql", "library")
	v.library = how == "library" || how == "auto" && (e.or("VIRTUAL_PKG_LIB", "") != "" || isThere(v.control+"/libindimail"))
	switch {
	case v.library:
		v.program = "vuser-library"
	case v.cache:
		v.program = "vuser-inlookup"
	default:
		v.program = "vuser-mysql"
	}
	down, err2 := e.word(ours+"VIRTUAL_DOWN", "defer", "deliver")
	v.deliver = down == "deliver"
	processes, err3 := e.number(ours+"VIRTUAL_PROCESSES", virtualProcesses, mostProcesses)
	patience, err4 := e.duration(ours+"VIRTUAL_TIME", virtualTime)
	v.limits = table.Limits{Connections: processes, Queue: s.c.Protocol.most() + 1, Deadline: max(patience, time.Second)}
	log, err5 := e.word(ours+"LOG", "stderr", "syslog")
	v.log = maillog.Dest{Kind: maillog.Stderr, Name: "qmail-lspawn"}
	v.log.Host, _ = os.Hostname()
	if log == "syslog" {
		v.log.Kind = maillog.Syslog
	}
	v.workers = e.or(ours+"WORKERS", "")
	if v.workers == "" {
		if self, err := os.Executable(); err == nil {
			v.workers = filepath.Dir(self)
		}
	}
	return v, errors.Join(err1, err2, err3, err4, err5)
}

// isThere reports whether there is a file, or at least no telling that there is
// none.
func isThere(path string) bool {
	_, err := statFile(path)
	return !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR)
}

// resolve turns the user into numbers; see names.ErrPending.
func (v *virtualSettings) resolve(n *names.Resolver) error {
	if v.user == "" {
		return nil
	}
	u, err := n.User(v.user)
	v.as = &loop.User{UID: u.UID, GID: u.GID, Groups: []int{u.GID}}
	return err
}

// open makes what the settings describe. No process is started before there is
// somebody to be looked up.
func (v *virtualSettings) open(l *loop.Loop) (*authself, error) {
	log := maillog.New("")
	log.Clock(l.Now)
	if err := log.Open(v.log); err != nil {
		return nil, err
	}
	env := &table.Env{
		Loop: l, Log: log, Environ: v.environ, Workers: v.workers, WorkersUser: v.as,
		Limits: func(string) table.Limits { return v.limits },
	}
	if l.Confines() {
		env.WorkersRlimits = room()
	}
	cache := "no"
	if v.cache {
		cache = "yes"
	}
	return &authself{
		domains:     &virtualDomains{path: v.control + "/virtualdomains"},
		users:       env.Asker("virtualdomains", v.program, "control", v.control, "assign", v.assign, "cache", cache),
		warnf:       log.Warnf,
		closeLog:    log.Close,
		asksDomains: v.library, nullUser: v.nullUser, deliver: v.deliver,
	}, nil
}

// stackRoom is as much stack as systems give a program.
const stackRoom = 8 << 20

// room returns limits for the processes that are asked, where ours are too narrow
// or too wide for them. A program that loads libraries has the C library make its
// threads, each with as much stack as the limit on that says; and all of it counts
// against the limit on data. IndiMail has both at 80 MB.
func room() (list []loop.Rlimit) {
	var data, stack unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &data) == nil && data.Cur != data.Max {
		list = append(list, loop.Rlimit{Resource: unix.RLIMIT_DATA, Cur: uint64(data.Max), Max: uint64(data.Max)}) //nolint:unconvert // types differ between systems
	}
	if unix.Getrlimit(unix.RLIMIT_STACK, &stack) == nil && uint64(stack.Cur) > stackRoom { //nolint:unconvert // likewise
		list = append(list, loop.Rlimit{Resource: unix.RLIMIT_STACK, Cur: stackRoom, Max: uint64(stack.Max)}) //nolint:unconvert // likewise
	}
	return list
}
