// SPDX-License-Identifier: ISC

// Package library answers by a shared library, such as libindimail, for a worker:
// see package record.
//
// # Order
//
// The library is loaded when it is first asked for something; which one, the
// variable VIRTUAL_PKG_LIB says or the control file libindimail. Its functions
// keep what they return in memory of their own until the next call, so it is
// copied at once. Everything happens on one thread.
//
// A library cannot be unloaded. When the path leads to another file than the one
// that is loaded, the process ends without an answer, and the next one loads what
// is there.
//
// # Failures
//
// A library that cannot be loaded, or that lacks a function, is an error that
// lasts: see worker.ConfigError. What a library does to its process happens to
// this one: it may end it, or keep it for ever, and whoever has asked finds out.
//
// # Limits
//
// Linux only: elsewhere the record of a user has another layout, and loading
// takes cgo.
//
// # See also
//
// dlopen(3), getpwnam(3); qmail-lspawn(8) of IndiMail for what is in the library.
package library
