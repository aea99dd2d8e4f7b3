// SPDX-License-Identifier: ISC

// Package ldap is the driver of ldap: tables, for a worker. It searches a
// directory, and follows the names and URLs that it finds there.
//
// # Order
//
// There is one connection, to the first server that can be reached and answers. It
// is made when it is needed and kept while nothing goes wrong. One that a server
// has closed meanwhile is made anew, once for a lookup; any other failure is the
// answer to the lookup that meets it, and the end of the connection.
//
// What the entries have is returned as it is found, in the order in which the
// server gives it. Formatting it, and joining it, is left to who asks; only how
// many values count is known here, since a search for more of them must end
// somewhere. Of a value, nothing counts from a null byte on.
//
// # Failures
//
// Result codes below zero are those that OpenLDAP's library makes up, and all are
// in its words. Each step of a lookup has the table's timeout, and all of them
// together have what is left for the lookup.
//
// # Limits
//
// The protocol is version 3. SASL is EXTERNAL, DIGEST-MD5 and PLAIN, without a
// protection of its own. TLS is what crypto/tls has. Neither ldap.conf(5) nor
// the environment is looked at.
//
// # See also
//
// ldap_table(5); RFC 4511, RFC 4513, RFC 4515 and RFC 4516.
package ldap
