// SPDX-License-Identifier: ISC

package table

import "postloop/services/table/bdb"

// openHash opens name.db, which is to be a Berkeley DB hash.
func openHash(e *Env, name string, m Mode, f Flags) (Table, error) {
	if m == ReadWrite {
		return openWritten(e, "hash", name, f)
	}
	return openBerkeley(e, bdb.Hash, name, m, f)
}
