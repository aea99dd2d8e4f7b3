// SPDX-License-Identifier: ISC

// Package names answers from names to numbers: users, groups, hosts and ports,
// without cgo and without ever making an event loop wait.
//
// A static program cannot ask the C library, which would make the loop wait
// anyway; so there are two steps. What a number, /etc/passwd, /etc/group,
// /etc/hosts or /etc/services tells is answered at once. Everything else is
// noted as missing, and Resolve has getent(1) ask whatever nsswitch.conf says.
// The files come first, whatever nsswitch.conf says about the order.
//
// # Failures
//
// ErrPending says that an answer needs Resolve, ErrUnknown that there is none.
// Any other error says that nobody could be asked.
//
// # See also
//
// getent(1), nsswitch.conf(5).
package names
