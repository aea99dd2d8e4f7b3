// SPDX-License-Identifier: ISC

package table

import (
	"strings"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/services/table/cf"
)

// keyed is what the tables with a file of settings do with a key before they
// ask their servers.
type keyed struct {
	*cf.Settings
	sources
	domains *domains
}

// settings reads the settings of the table called name: a file, or parameters
// in main.cf.
func (e *Env) settings(name string, from *sources) (*cf.Settings, error) {
	if !cf.IsFile(name) {
		main := e.Main
		if main == nil {
			main = cfg.NewMain("main.cf")
		}
		return cf.Main(name, main), nil
	}
	text, err := from.read(name)
	if err != nil {
		return nil, err
	}
	s, notes, err := cf.Parse(name, strings.NewReader(text))
	for _, note := range notes {
		e.Log.Warnf("%s", note.Text)
	}
	return s, err
}

// openKeyed reads the settings of a table, and its list of domains.
func (e *Env) openKeyed(name string) (k keyed, err error) {
	k.sources = e.newSources()
	if k.Settings, err = e.settings(name, &k.sources); err != nil {
		return k, err
	}
	list, err := k.String("domain", "", 0)
	if err != nil {
		return k, err
	}
	k.domains, err = e.openDomains(list, &k.sources)
	return k, err
}

// Changed reports whether any of the files that were read is another now, or
// those of a table in the list of domains are.
func (k *keyed) Changed() bool { return k.sources.Changed() || k.domains.changed() }

// inDomain has next called with what is to come of key if it is in one of the
// domains that the table is for; otherwise that is done.
func (k *keyed) inDomain(key string, done func(Answer), next func()) {
	matched := func(s Status) {
		if s != OK {
			done(Answer{Status: s})
			return
		}
		next()
	}
	if s := k.domains.match(key, matched); s != Later {
		matched(s)
	}
}

// joined is the answer that the values of key make; log and typ are for what is
// to be said about them.
func (k *keyed) joined(log *maillog.Logger, typ string, r cf.Results, key string, values []string) Answer {
	text, n, empty, over := r.Join(key, values)
	for range empty {
		log.Warnf("table \"%s:%s\": empty lookup result for: \"%s\" -- ignored", typ, k.Name(), key)
	}
	switch {
	case over:
		log.Warnf("%s:%s: Expansion limit exceeded for key '%s'", typ, k.Name(), key)
		return Answer{Status: Retry}
	case n == 0:
		return Answer{Status: NoKey}
	}
	return Answer{Value: text}
}

// asks reports whether key can be looked up at all in a table that makes its
// query of these templates.
func (k *keyed) asks(log *maillog.Logger, typ, key string, templates ...*cf.Template) bool {
	if key == "" {
		log.Warnf("table \"%s:%s\": empty query string -- ignored", typ, k.Name())
		return false
	}
	for _, t := range templates {
		if _, ok := t.Query(key, nil); !ok {
			return false
		}
	}
	return true
}
