// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/master/report"
)

// transaction takes a new configuration into service, in whole or not at all:
// check as often as names are missing, then bind, then commit. Until commit
// nothing that runs has noticed anything.
type transaction struct {
	m      *Master
	conf   *cfg.Config
	params *cfg.Params
	env    []string // of processes
	owner  Ids
	addrs  []netip.Addr // of inet services without a host; frozen at the start
	names  *names.Resolver
	want   []*wanted

	view        *view             // that was opened for it; nil: none, or the one that is there
	running     map[key]*service  // see old
	paths       map[string]string // of programs, by their names
	executables map[string]error  // by their paths
	common      *policyAnswer     // of services without -o; nil: not asked yet
	frozen      []string          // warnings, due if the transaction succeeds, about parameters ...
	notes       []error           // ... and about services
	rehearsal   *rehearsal        // nil: this is in earnest
	claim       func(*cfg.Params, Ids) error
	done        func(error)
}

// begin starts a transaction; done is called once, possibly in a later turn.
func (m *Master) begin(conf *cfg.Config, claim func(*cfg.Params, Ids) error, done func(error)) {
	t := &transaction{m: m, conf: conf, names: names.New(), claim: claim, done: done}
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
	case t.names.Missing():
		t.names.Resolve(t.m.loop, t.check)
		return
	case t.rehearsal != nil:
		t.rehearse(err, errs)
		return
	case err != nil:
		t.end(err)
		return
	case len(errs) > 0:
		t.end(errs)
		return
	}
	changes := plan(t.m.services, t.want)
	if err := t.checkInherited(changes); err != nil {
		t.end(err)
		return
	}
	if t.claim != nil {
		if err := t.claim(t.params, t.owner); err != nil {
			t.end(err)
			return
		}
	}
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

// reloads counts them, and remembers the last one.
type reloads struct {
	taken, refused uint64
	last           report.Reload // of no time: none yet
}

// Reloaded is for who reads configurations to say how a reload has ended: most of
// what is wrong with one is found before Reload is called.
func (m *Master) Reloaded(err error) {
	m.reloads.last = report.Reload{Time: m.loop.Now(), OK: err == nil, Errors: Errors(err)}
	if err == nil {
		m.reloads.taken++
	} else {
		m.reloads.refused++
	}
}

// Errors are the single errors inside err, with their places; none of nil.
func Errors(err error) (list []report.Error) {
	if err == nil {
		return nil
	}
	for _, one := range cfg.All(err) {
		e := report.Error{Text: one.Error()}
		if located := (*cfg.Error)(nil); errors.As(one, &located) {
			e = report.Error{File: located.File, Line: located.Line, Text: located.Text}
		}
		list = append(list, e)
	}
	return list
}

// From how many new services on it is worth asking for room at once, and how
// many descriptors a master has beside those of its services.
const (
	manyServices   = 100
	ownDescriptors = 64
)

// bind opens every endpoint that does not exist yet, or none.
func (t *transaction) bind(changes []change) error {
	var inet, local []change
	added := 0
	for _, c := range changes {
		if c.old == nil {
			added++
		}
		switch {
		case c.want == nil:
		case c.want.spec.Type == cfg.Inet:
			inet = append(inet, c)
		case c.old == nil:
			local = append(local, c)
		}
	}
	inUse := t.m.pathsInUse()
	var errs cfg.Errors
	open := func(list []change) {
		for _, c := range list {
			w := c.want
			if err := w.open(t.listenOptions(w), c.old, inUse); err != nil {
				errs = append(errs, &cfg.Error{File: w.spec.File, Line: w.spec.Line, Text: fmt.Sprintf("service %q: %s", w.spec.Name, err)})
			}
		}
	}
	if added >= manyServices {
		t.m.loop.ReserveDescriptors(t.m.loop.Stats().Watches + added + ownDescriptors)
	}
	open(inet)
	if len(local) > 0 {
		if err := t.owner.Do(func() error { open(local); return nil }); err != nil {
			errs = append(errs, t.conf.Main.Errorf("mail_owner", "%s", maillog.Strerror(err)))
		}
	}
	if err := t.openView(); err != nil { // last this: services' addresses are services'
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil
	}
	t.abandonView()
	for _, c := range changes {
		if c.want != nil {
			c.want.abandon()
		}
	}
	return errs
}

func (t *transaction) listenOptions(w *wanted) listenOptions {
	return listenOptions{backlog: max(w.spec.Limit, t.params.ProcessLimit), window: t.params.TCPWindowSize, sockets: t.m, queue: t.params.QueueDirectory, rehearsal: t.rehearsal}
}

// commit switches over. Nothing in here can refuse any more.
func (t *transaction) commit(changes []change) {
	m := t.m
	for _, text := range t.frozen {
		m.log.Warnf("%s", text)
	}
	for _, note := range t.notes {
		m.log.Warnf("%v", note)
	}
	m.conf, m.params, m.env, m.owner, m.addrs = t.conf, t.params, t.env, t.owner, t.addrs
	m.started = true
	m.takeChildren()
	m.services = make([]*service, 0, len(changes))
	removed := map[*service]bool{}
	for _, c := range changes {
		switch {
		case c.want == nil:
			removed[c.old] = true
			c.old.stop()
		case c.old == nil:
			m.add(m.newService(c.want, t.listenOptions(c.want))).start()
		case m.inherited.has(c.old):
			m.add(c.old).resumeFrom(c.want, t.listenOptions(c.want))
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
	t.takeView()
	m.reportSockets()
	m.takeRest()
}
