// SPDX-License-Identifier: ISC

package cfg

// tableParams are about lookup tables, and not Postfix's: its programs ignore
// them. docs/tables.md lists them.
var tableParams = []param{
	// What proxymap remembers of a table's answers, for how long.
	{name: "proxymap_cache_size_limit", kind: numberKind, def: "1048576"},
	{name: "proxymap_cache_time", kind: timeKind, def: "0s"},
	{name: "proxymap_negative_cache_time", kind: timeKind, def: "0s"},

	// How much a table may use of its server, how long that may take, and when it
	// is left alone.
	{name: "proxymap_connection_limit", kind: numberKind, def: "4", min: 1},
	{name: "proxymap_failure_limit", kind: numberKind, def: "5"},
	{name: "proxymap_maximal_backoff_time", kind: timeKind, def: "60s", min: 1},
	{name: "proxymap_minimal_backoff_time", kind: timeKind, def: "1s", min: 1},
	{name: "proxymap_queue_limit", kind: numberKind, def: "4096", min: 1},
	{name: "proxymap_time_limit", kind: timeKind, def: "30s", min: 1},

	// Tables for which these are others: "{ type:name, time_limit = 5s }, ...".
	{name: "proxymap_table_settings"},

	// Where the programs are that do the work of some tables; empty: where
	// proxymap is.
	{name: "proxymap_worker_directory"},
}
