// SPDX-License-Identifier: ISC

package table

import "postloop/services/table/bdb"

// openBtree opens name.db, which is to be a Berkeley DB btree.
func openBtree(e *Env, name string, m Mode, f Flags) (Table, error) {
	if m == ReadWrite {
		return openWritten(e, "btree", name, f)
	}
	return openBerkeley(e, bdb.Btree, name, m, f)
}
