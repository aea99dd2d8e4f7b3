// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postloop/cfg"
	"postloop/master/names"
)

// checkHosted has a service that master is to serve itself checked by those
// who know what it means. Not served means that it is left to a process, which
// will say what it thinks of the entry.
func (t *transaction) checkHosted(w *wanted, create HostFunc) (served bool, err error) {
	main, own, err := t.mainFor(w.spec)
	if err == nil {
		// What is said about clients is never forgiven: no system has lived with
		// it under Postfix, and who relies on it must not be let down.
		if w.policy, err = t.checkPolicy(w, main, own); err != nil {
			return false, err
		}
		err = t.create(w, main, create)
	}
	if err == nil {
		err = w.checkProgram()
	}
	if err == nil || errors.Is(err, names.ErrPending) {
		return true, err
	}
	old := t.old(w.key)
	same := old != nil && old.isHosted()
	if !same && (w.policy.restricts() || w.host != nil && w.host.Binding) { // a process might serve everybody, or in another way
		return false, w.blame(err)
	}
	if err := t.forgive(w, err); err != nil {
		return false, err
	}
	w.sameHosted = same
	if !same {
		w.host, w.hosted, w.policy, w.program = nil, nil, nil, nil
	}
	return same, nil
}

// mainFor returns main.cf as a service sees it; own means that the service has
// a view of its own.
func (t *transaction) mainFor(spec *cfg.Service) (main *cfg.Main, own bool, err error) {
	overrides, _, err := spec.Overrides()
	if err != nil || len(overrides) == 0 {
		return t.conf.Main, false, err
	}
	main = t.conf.Main.Clone()
	for _, o := range overrides {
		main.Set(o.Name, o.Value)
	}
	return main, true, nil
}

func (t *transaction) create(w *wanted, main *cfg.Main, create HostFunc) error {
	tag, err := main.Value("syslog_name")
	if err != nil {
		return err
	}
	w.host = &Host{
		Loop: t.m.loop, Log: t.m.log.With(tag + "/" + w.spec.Command).About(w.spec.FullName()), Service: w.spec,
		Main: main, Params: t.params, Env: t.env, Names: t.names,
		Warnf: func(format string, args ...any) {
			t.notes = append(t.notes, w.blame(fmt.Errorf(format, args...)))
		},
	}
	w.hosted, err = create(w.host)
	return err
}

// checkExposed refuses to have strangers' bytes read with root's rights.
func (t *transaction) checkExposed(errs *cfg.Errors) {
	if t.params.Rootless {
		return
	}
	for _, command := range t.m.opt.Exposed {
		if slices.Contains(t.params.BuiltinServices, command) {
			*errs = append(*errs, t.conf.Main.Errorf("builtin_services",
				"parameter builtin_services: %s reads what clients send, which a master with root's rights must not; remove it, or set rootless = yes", command))
		}
	}
}

// policyAnswer is what newPolicy has returned.
type policyAnswer struct {
	policy *policy
	err    error
}

// checkPolicy returns what a service asks of its clients. Those that say
// nothing about it share one policy.
func (t *transaction) checkPolicy(w *wanted, main *cfg.Main, own bool) (*policy, error) {
	if !own {
		if t.common == nil {
			a := t.makePolicy(t.params.Hosted, main)
			t.common = &a
		}
		return t.common.policy, t.common.err
	}
	h, err := main.Hosted()
	if err == nil {
		a := t.makePolicy(h, main)
		if a.err == nil {
			return a.policy, nil
		}
		err = a.err
	}
	if many := cfg.Errors(nil); errors.As(err, &many) {
		for i, one := range many {
			if one.Line == 0 { // set by -o
				many[i] = w.blame(one)
			}
		}
	}
	return nil, err
}

func (t *transaction) makePolicy(h cfg.Hosted, main *cfg.Main) (a policyAnswer) {
	a.policy, a.err = newPolicy(h, t.names.User)
	unknown := userErrors(nil)
	if !errors.As(a.err, &unknown) {
		return a
	}
	var list cfg.Errors
	for _, u := range unknown {
		err := t.paramError(u.parameter, u.err, "unknown user name: "+u.name)
		one := (*cfg.Error)(nil)
		if !errors.As(err, &one) { // its answer is on its way
			return policyAnswer{err: err}
		}
		one.Line = main.Line(u.parameter)
		list = append(list, one)
	}
	return policyAnswer{err: list}
}

// checkNotHosted refuses what only master can do for a service that it does
// not serve itself: a list of clients must not be there for nothing.
func (t *transaction) checkNotHosted(w *wanted) error {
	overrides, _, _ := w.spec.Overrides() // what is wrong with them is for the daemon to say
	for _, o := range overrides {
		if strings.HasPrefix(o.Name, "hosted_") || o.Name == "spawn_protocol" && o.Value != "connection" {
			return w.blame(fmt.Errorf("%s is for what master serves itself, and %s of type %s it does not; see builtin_services",
				o.Name, w.spec.Command, w.spec.Type))
		}
	}
	return nil
}
