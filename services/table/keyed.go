// SPDX-License-Identifier: ISC

package table

import (
	"strings"

	"postloop/cfg"
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
