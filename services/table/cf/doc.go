// SPDX-License-Identifier: ISC

// Package cf is the settings of a table that is more than a file: memcache:,
// redis:, mysql:, pgsql:, ldap: and sqlite: all have theirs in a file of one
// shape, in which templates say how a key becomes a query, and what was found a
// result. It opens no files and knows no tables.
//
// # Order
//
// Parse or Main makes Settings. Each value is then asked for with its default
// and its limits, and Template makes a template of one. What a table is asked
// goes through Template.Query; what it has found, through Results.
//
// # Failures
//
// An error is in Postfix's words, and says in which file, or under which name
// in main.cf. A key that a template has no place for is no error: it is not
// found. A setting that nobody asks for is ignored, whatever it says.
//
// # See also
//
// memcache_table(5), mysql_table(5), ldap_table(5).
package cf
