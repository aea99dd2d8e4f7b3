// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/master/names"

	"golang.org/x/sys/unix"
)

// checkAll fills t.want. Errors that have a line go to errs, so that all of
// them are seen at once; one that makes the rest meaningless is returned.
func (t *transaction) checkAll(errs *cfg.Errors) (err error) {
	t.want, t.notes = t.want[:0], t.notes[:0]
	t.paths, t.executables = map[string]string{}, map[string]error{}
	t.common = nil
	params := *t.conf.Params // freeze changes some
	t.params = &params
	t.freeze()
	t.env = childEnv(t.m.opt.Environ, t.params)
	if t.owner, err = t.checkOwner(); err != nil && !errors.Is(err, names.ErrPending) {
		return err
	}
	if t.addrs = t.m.addrs; !t.m.started && t.m.inherited == nil {
		if t.addrs, err = resolveInterfaces(t.names, t.params); err != nil && !errors.Is(err, names.ErrPending) {
			return t.paramError("inet_interfaces", nil, err.Error())
		}
	}
	t.checkExposed(errs)
	seen := make(map[key]int, len(t.conf.Services))
	for i := range t.conf.Services {
		spec := &t.conf.Services[i]
		w, err := t.checkService(spec)
		var one *cfg.Error
		var many cfg.Errors
		switch {
		case errors.Is(err, names.ErrPending):
			continue
		case errors.As(err, &many):
			for _, one := range many {
				if !slices.ContainsFunc(*errs, func(e *cfg.Error) bool { return *e == *one }) { // met by many services
					*errs = append(*errs, one)
				}
			}
			continue
		case errors.As(err, &one):
			*errs = append(*errs, one)
			continue
		case err != nil:
			*errs = append(*errs, &cfg.Error{File: spec.File, Line: spec.Line, Text: err.Error()})
			continue
		}
		if at, twice := seen[w.key]; twice {
			t.notes = append(t.notes, fmt.Errorf("duplicate master.cf entry for service %q (%s) -- using the last entry",
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
		served, err := t.checkHosted(w, create)
		if served || err != nil {
			return w, err
		}
	} else if err := t.checkNotHosted(w); err != nil {
		return w, err
	}
	w.path = t.programPath(spec.Command)
	return w, t.checkExecutable(w)
}

// programPath is where a command is: one string, of however many services.
func (t *transaction) programPath(command string) string {
	path, known := t.paths[command]
	if !known {
		path = t.params.DaemonDirectory + "/" + command
		t.paths[command] = path
	}
	return path
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
	located := w.blame(err)
	strict := t.params.Rootless
	if t.m.started {
		old := t.old(w.key)
		strict = old == nil || old.spec.Command != w.spec.Command || !slices.Equal(old.spec.Args, w.spec.Args) ||
			old.path != "" && w.path != "" && old.path != w.path
	}
	if strict {
		return located
	}
	t.notes = append(t.notes, located)
	return nil
}

// old returns the running service with key k, or nil. Only what is wrong asks for it.
func (t *transaction) old(k key) *service {
	if t.running == nil {
		t.running = byKey(t.m.services)
	}
	return t.running[k]
}

// blame has err be about w's line, whatever line it was about: that of a
// parameter may be main.cf's, which is set for all.
func (w *wanted) blame(err error) *cfg.Error {
	text := err.Error()
	if one := (*cfg.Error)(nil); errors.As(err, &one) {
		text = one.Text
	}
	return &cfg.Error{File: w.spec.File, Line: w.spec.Line, Text: fmt.Sprintf("service %q: %s", w.spec.Name, text)}
}

// paramError blames a parameter; an answer that is still on its way is nobody's fault.
func (t *transaction) paramError(name string, err error, text string) error {
	if errors.Is(err, names.ErrPending) {
		return err
	}
	if err != nil && !errors.Is(err, names.ErrUnknown) { // nobody could be asked
		text += ": " + err.Error()
	}
	return t.conf.Main.Errorf(name, "parameter %s: %s", name, text)
}
