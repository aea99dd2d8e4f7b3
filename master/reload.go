// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"postloop/cfg"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// transaction takes a new configuration into service, in whole or not at all:
// check as often as names are missing, then bind, then commit. Until commit
// nothing that runs has noticed anything.
type transaction struct {
	m      *Master
	conf   *cfg.Config
	params *cfg.Params
	env    []string // of processes
	owner  ids
	addrs  []netip.Addr // of inet services without a host; frozen at the start
	names  *names
	want   []*wanted

	executables map[string]error
	frozen      []string // warnings, due if the transaction succeeds, about parameters ...
	notes       []string // ... and about services
	claim       func(*cfg.Params, Ids) error
	done        func(error)
}

// begin starts a transaction; done is called once, possibly in a later turn.
func (m *Master) begin(conf *cfg.Config, claim func(*cfg.Params, Ids) error, done func(error)) {
	t := &transaction{m: m, conf: conf, names: newNames(), claim: claim, done: done}
	m.change = t
	t.check()
}

// check goes through the whole configuration and collects every error. What
// only another process can tell is asked for, and check runs again.
func (t *transaction) check() {
	if t.m.stopping { // it was too late to call the answers off
		return
	}
	var errs cfg.Errors
	err := t.checkAll(&errs)
	switch {
	case len(t.names.missing) > 0:
		t.names.Resolve(t.m.loop, t.check)
		return
	case err != nil:
		t.end(err)
		return
	case len(errs) > 0:
		t.end(errs)
		return
	}
	if t.claim != nil {
		if err := t.claim(t.params, t.owner); err != nil {
			t.end(err)
			return
		}
	}
	changes := plan(t.m.services, t.want)
	if err := t.bind(changes); err != nil {
		t.end(err)
		return
	}
	t.commit(changes)
	t.end(nil)
}

func (t *transaction) end(err error) {
	t.m.change = nil
	t.done(err)
}

// checkAll fills t.want. Errors that have a line go to errs, so that all of
// them are seen at once; one that makes the rest meaningless is returned.
func (t *transaction) checkAll(errs *cfg.Errors) (err error) {
	t.want, t.notes = t.want[:0], t.notes[:0]
	t.executables = map[string]error{}
	if t.params, err = t.conf.Main.Params(); err != nil {
		return err
	}
	t.freeze()
	t.env = childEnv(t.m.opt.Environ, t.params)
	if t.owner, err = t.checkOwner(); err != nil && !errors.Is(err, ErrPending) {
		return err
	}
	if t.addrs = t.m.addrs; !t.m.started {
		if t.addrs, err = t.names.interfaces(t.params); err != nil && !errors.Is(err, ErrPending) {
			return t.paramError("inet_interfaces", nil, err.Error())
		}
	}
	seen := make(map[key]int, len(t.conf.Services))
	for i := range t.conf.Services {
		spec := &t.conf.Services[i]
		w, err := t.checkService(spec)
		var one *cfg.Error
		var many cfg.Errors
		switch {
		case errors.Is(err, ErrPending):
			continue
		case errors.As(err, &many):
			*errs = append(*errs, many...)
			continue
		case errors.As(err, &one):
			*errs = append(*errs, one)
			continue
		case err != nil:
			*errs = append(*errs, &cfg.Error{File: spec.File, Line: spec.Line, Text: err.Error()})
			continue
		}
		if at, twice := seen[w.key]; twice {
			t.notes = append(t.notes, fmt.Sprintf("duplicate master.cf entry for service %q (%s) -- using the last entry",
				t.want[at].spec.Name, w.key.name))
			t.want[at] = w
			continue
		}
		seen[w.key] = len(t.want)
		t.want = append(t.want, w)
	}
	return nil
}

// checkService resolves one entry.
func (t *transaction) checkService(spec *cfg.Service) (*wanted, error) {
	w := &wanted{spec: spec, localOnly: spec.Type != cfg.Pass}
	if spec.Type == cfg.Inet {
		if err := t.checkInet(w); err != nil {
			return nil, err
		}
	} else {
		w.key = key{spec.Path(), spec.Type}
	}
	if create := t.m.opt.Hosted[spec.Command]; create != nil && t.canHost(spec) {
		err := t.checkHosted(w, create)
		if err == nil || errors.Is(err, ErrPending) {
			return w, err
		}
		if err = t.forgive(w, err); err != nil {
			return w, err
		}
		if old := t.m.find(w.key); old != nil && old.isHosted() {
			w.sameHosted = true
			return w, nil
		}
		w.hosted = nil // the daemon of that name will say what it thinks of it
	}
	w.path = t.params.DaemonDirectory + "/" + spec.Command
	return w, t.checkExecutable(w)
}

// canHost reports whether master is to serve an entry by itself: the operator
// lets it, and the transport is one that it can accept from.
func (t *transaction) canHost(spec *cfg.Service) bool {
	if spec.Type != cfg.Inet && spec.Type != cfg.Unix {
		return false
	}
	return slices.Contains(t.params.BuiltinServices, spec.Command)
}

// checkExecutable refuses what cannot be run.
func (t *transaction) checkExecutable(w *wanted) error {
	path := w.path
	if !filepath.IsAbs(path) { // a start has not gone there yet
		path = t.params.QueueDirectory + "/" + path
	}
	err, known := t.executables[path]
	if !known {
		err = unix.Access(path, unix.X_OK)
		t.executables[path] = err
	}
	if err == nil {
		return nil
	}
	return t.forgive(w, fmt.Errorf("%s: %s", w.path, maillog.Strerror(err)))
}

// forgive returns err, which makes the whole transaction fail, or makes a
// warning of it. An entry that ran as it is must not hold up a reload, and the
// first start must not be stricter than Postfix, with which the system has
// lived: such a service fails when it is used, and is throttled. A rootless
// master has no such past.
func (t *transaction) forgive(w *wanted, err error) error {
	text := err.Error()
	if one := (*cfg.Error)(nil); errors.As(err, &one) { // its line may be main.cf's, which is set for all
		text = one.Text
	}
	located := &cfg.Error{File: w.spec.File, Line: w.spec.Line, Text: fmt.Sprintf("service %q: %s", w.spec.Name, text)}
	strict := t.params.Rootless
	if t.m.started {
		old := t.m.find(w.key)
		strict = old == nil || old.spec.Command != w.spec.Command || !slices.Equal(old.spec.Args, w.spec.Args) ||
			old.path != "" && w.path != "" && old.path != w.path
	}
	if strict {
		return located
	}
	t.notes = append(t.notes, located.Error())
	return nil
}

// bind opens every endpoint that does not exist yet, or none.
func (t *transaction) bind(changes []change) error {
	var inet, local []*wanted
	for _, c := range changes {
		switch {
		case c.want == nil:
		case c.want.spec.Type == cfg.Inet:
			inet = append(inet, c.want)
		case c.old == nil:
			local = append(local, c.want)
		}
	}
	inUse := t.m.pathsInUse()
	var errs cfg.Errors
	open := func(list []*wanted) {
		for _, w := range list {
			if err := w.open(t.listenOptions(w), t.m.find(w.key), inUse); err != nil {
				errs = append(errs, &cfg.Error{File: w.spec.File, Line: w.spec.Line, Text: fmt.Sprintf("service %q: %s", w.spec.Name, err)})
			}
		}
	}
	open(inet)
	if len(local) > 0 {
		if err := t.owner.do(func() error { open(local); return nil }); err != nil {
			errs = append(errs, &cfg.Error{File: t.conf.Main.File(), Line: t.conf.Main.Line("mail_owner"), Text: maillog.Strerror(err)})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	for _, c := range changes {
		if c.want != nil {
			c.want.abandon()
		}
	}
	return errs
}

func (t *transaction) listenOptions(w *wanted) listenOptions {
	return listenOptions{backlog: max(w.spec.Limit, t.params.ProcessLimit), window: t.params.TCPWindowSize}
}

// commit switches over. Nothing in here can refuse any more.
func (t *transaction) commit(changes []change) {
	m := t.m
	for _, text := range slices.Concat(t.frozen, t.notes) {
		m.log.Warnf("%s", text)
	}
	m.conf, m.params, m.env, m.owner, m.addrs = t.conf, t.params, t.env, t.owner, t.addrs
	m.started = true
	m.services = make([]*service, 0, len(changes))
	m.byKey = make(map[key]*service, len(changes))
	removed := map[*service]bool{}
	for _, c := range changes {
		switch {
		case c.want == nil:
			removed[c.old] = true
			c.old.stop()
		case c.old == nil:
			m.add(m.newService(c.want, t.listenOptions(c.want))).start()
		default:
			m.add(c.old).update(c.want, t.listenOptions(c.want))
		}
	}
	if len(removed) > 0 {
		m.signalChildren(termSignal, func(c *child) bool { return removed[c.s] }) // first this
	}
	for s := range removed {
		s.closeEndpoint()
	}
}
