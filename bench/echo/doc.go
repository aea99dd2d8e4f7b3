// SPDX-License-Identifier: ISC

// Package echo is one server written several times: it sends back what it is
// sent, on one thread, upon each of the event loops that are compared. Each is
// written as the loop's own documentation would have it, with what its users
// would set, and no more.
package echo
