// SPDX-License-Identifier: ISC

// Package proxymap is Postfix's proxymap(8): lookup tables for processes that
// cannot, or need not, open them themselves. As proxywrite it changes tables,
// too.
//
// A client is greeted, and then sends requests, each a list of attributes: open,
// lookup, update, delete, sequence. Each gets one list back.
//
// # Two dialects
//
// Postfix 3.11 has other attributes than those before it, behind the same
// greeting. The one that follows the table's name tells them apart, in every
// request, and the answer is in the dialect of the request. In the older one the
// flags with which a table is to be opened are guessed from those of requests;
// see registry.older.
//
// A daemon (Program) and a master that has the service in its own process (Host)
// serve in the same way; Hosted says what is different.
//
// # Order
//
// A request is answered in the turn of the loop that it comes in, unless its
// table has to ask somebody else: then this client's next requests wait for the
// answer, and nobody else does. Requests that a client sends without waiting are
// answered one after the other.
//
// Before a table is asked for the first time in a turn it is asked whether its
// files have changed. If they have, it is opened once more, and the old one goes
// on answering until that succeeds. No client notices.
//
// # Failures
//
// A table that cannot be opened is there all the same: each request is answered
// with "not now", and opening it is tried again once in a while. Whatever goes
// wrong with one request is that request's answer. A request that is not all
// there a second after it has begun, an answer that is not taken in a second,
// bytes that are no request, and a long request while there are too many end the
// connection, and nothing else.
//
// # Limits
//
// One process for all clients is the rule; skeleton says when there is another.
// The place of "sequence" in a table is one for all clients, as in Postfix.
//
// # See also
//
// proxymap(8); Postfix's src/proxymap/proxymap.c and src/global/dict_proxy.c.
package proxymap
