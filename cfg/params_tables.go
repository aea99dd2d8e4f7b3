// SPDX-License-Identifier: ISC

package cfg

// tableParams are about lookup tables, and not Postfix's: its programs ignore
// them. docs/tables.md lists them.
var tableParams = map[string]param{
	// Where the programs are that do the work of some tables; empty: where
	// proxymap is.
	"proxymap_worker_directory": {},
}
