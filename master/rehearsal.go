// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// Finding is something that Check has found. One that is no warning would keep a
// master from starting.
type Finding struct {
	report.Error
	Warning bool `json:"warning"`
}

// rehearsal is a transaction that ends before anything has changed.
type rehearsal struct {
	held     func(netip.AddrPort) bool
	done     func([]Finding)
	findings []Finding
}

// Check finds out what a start with conf would come to, by the same code, and
// leaves everything as it is: endpoints are opened under other names, or without
// listening, and closed again. done is called once, in this turn or a later one,
// with all that is wrong or odd.
//
// held, if not nil, tells of an address that is in use whether the user of it is the
// master of this very configuration. The working directory has to be the queue
// directory, if there is one yet.
func Check(l *loop.Loop, log *maillog.Logger, conf *cfg.Config, opt Options, held func(netip.AddrPort) bool, done func([]Finding)) error {
	m, err := New(l, log, opt)
	if err != nil {
		return err
	}
	t := &transaction{m: m, conf: conf, names: names.New(), rehearsal: &rehearsal{held: held}}
	t.rehearsal.done = func(list []Finding) {
		closeAll(m.flow[:])
		done(list)
	}
	m.change = t
	t.check()
	return nil
}

// isHeld reports whether err about addr is none: who has it is the master of this
// configuration.
func (r *rehearsal) isHeld(addr netip.AddrPort, err error) bool {
	return r != nil && r.held != nil && errors.Is(err, unix.EADDRINUSE) && r.held(addr)
}

// rehearse goes on where check has found what it could.
func (t *transaction) rehearse(fatal error, errs cfg.Errors) {
	r := t.rehearsal
	r.add(false, fatal)
	if len(errs) > 0 {
		r.add(false, errs)
	}
	for _, note := range t.notes {
		r.add(true, note)
	}
	for _, text := range t.frozen {
		r.add(true, errors.New(text))
	}
	if fatal == nil {
		t.tryPlaces()
	}
	t.m.change = nil
	r.done(r.findings)
}

// add files what is inside err.
func (r *rehearsal) add(warning bool, err error) {
	for _, e := range Errors(err) {
		r.findings = append(r.findings, Finding{e, warning})
	}
}

// tryPlaces looks at the directories, and opens endpoints there.
func (t *transaction) tryPlaces() {
	p := t.params
	if !p.Rootless && os.Geteuid() != 0 {
		t.rehearsal.add(true, errors.New("not run by root, as the master would be: no endpoint was tried, and no directory looked at"))
		return
	}
	t.tryWatchdog()
	changes := plan(nil, t.want)
	ready := t.placesReady()
	if !ready && p.MetricsListen.Path != "" { // likewise
		p.MetricsListen = cfg.Endpoint{}
	}
	changes = slices.DeleteFunc(changes, func(c change) bool { return c.want.spec.Type != cfg.Inet && !ready })
	err := t.bind(changes)
	t.rehearsal.add(false, err)
	if err == nil { // bind does so in case of an error
		for _, c := range changes {
			c.want.abandon()
		}
		t.abandonView()
	}
}

// tryWatchdog looks at the watchdog of the machine. One that is opened begins to
// count: so it is not.
func (t *transaction) tryWatchdog() {
	path := t.params.WatchdogDevice
	if path == "" {
		return
	}
	if err := unix.Access(path, unix.W_OK); err != nil {
		t.rehearsal.add(true, t.paramError("hardware_watchdog_device", nil, fmt.Sprintf("%s: %s", path, maillog.Strerror(err))))
	}
}

// placesReady reports whether endpoints can be opened in the queue directory. One
// that is not there yet can be made by a rootless master.
func (t *transaction) placesReady() bool {
	p := t.params
	for _, d := range []string{"pid", "public", "private"} {
		path := p.QueueDirectory + "/" + d
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			continue
		case err == nil:
			err = errors.New(path + ": not a directory")
		case p.Rootless && errors.Is(err, fs.ErrNotExist):
			if err = canMake(path); err == nil {
				return false
			}
		default:
			err = fmt.Errorf("%s: %s", path, maillog.Strerror(err))
		}
		t.rehearsal.add(false, t.paramError("queue_directory", nil, err.Error()))
		return false
	}
	if p.Rootless {
		return true
	}
	for _, d := range []struct {
		path  string
		param string
		owner int
	}{
		{p.QueueDirectory, "queue_directory", 0},
		{p.QueueDirectory + "/pid", "queue_directory", 0},
		{p.QueueDirectory + "/public", "queue_directory", t.owner.UID},
		{p.QueueDirectory + "/private", "queue_directory", t.owner.UID},
		{p.DataDirectory, "data_directory", t.owner.UID},
		{t.conf.Dir, "config_directory", 0},
		{p.DaemonDirectory, "daemon_directory", 0},
	} {
		t.checkOwned(d.path, d.param, d.owner)
	}
	return true
}

// checkOwned warns of what postfix check warns of, in its words.
func (t *transaction) checkOwned(path, param string, owner int) {
	warn := func(text string) { t.rehearsal.add(true, t.paramError(param, nil, text)) }
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.rehearsal.add(false, t.paramError(param, nil, fmt.Sprintf("%s: %s", path, maillog.Strerror(err))))
		return
	}
	switch {
	case int(st.Uid) == owner:
	case owner == 0:
		warn("not owned by root: " + path)
	default:
		warn(fmt.Sprintf("not owned by %s: %s", t.params.MailOwner, path))
	}
	if st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && filepath.Base(path) != "public" {
		warn("group or other writable: " + path)
	}
}

// canMake reports whether a directory can be made that is not there, as far as the
// nearest one that is there can tell.
func canMake(path string) error {
	for {
		parent := filepath.Dir(path)
		err := unix.Access(parent, unix.W_OK|unix.X_OK)
		if errors.Is(err, unix.ENOENT) && parent != path {
			path = parent
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot make %s: %s", path, maillog.Strerror(err))
		}
		return nil
	}
}
