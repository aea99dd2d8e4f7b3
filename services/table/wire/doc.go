// SPDX-License-Identifier: ISC

// Package wire is what lookup table servers are asked, and what they answer,
// as bytes: tcp_table(5), socketmap_table(5), memcached's text protocol, Redis's
// RESP2, and what a table says to the process that does its work. It knows no
// sockets, no time and no log.
//
// # Order
//
// An Append function appends a request to a buffer. The functions that read
// have the input from the first byte of the answer on. They return how much of
// it the answer is, or 0 while there is more to come; what they have seen of
// it they look at again then. Cut anywhere, an answer reads the same.
//
// # Failures
//
// An error says that no answer can begin like this, as soon as that is clear:
// a length above the limit is refused when the length is read, not when
// everything has come. After an error the stream is of no use any more.
//
// # Limits
//
// No function holds more than one answer of the size that its caller allows.
package wire
