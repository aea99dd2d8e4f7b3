// SPDX-License-Identifier: ISC

package table

import (
	"postloop/services/table/cf"
)

// keyed is what the tables with a file of settings do with a key before they
// ask their servers.
type keyed struct {
	*cf.Settings
	settingsFile
	domains *domains
}

// openKeyed reads the settings of a table, and its list of domains.
func (e *Env) openKeyed(name string) (k keyed, err error) {
	if k.Settings, k.settingsFile, err = e.settings(name); err != nil {
		return k, err
	}
	list, err := k.String("domain", "", 0)
	if err != nil {
		return k, err
	}
	k.domains, err = e.openDomains(list)
	return k, err
}
