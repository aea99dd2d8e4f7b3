// SPDX-License-Identifier: ISC

// Package load makes the clients. It runs in the calling goroutine, which is
// one thread with an epoll of its own and no help from the runtime's: what it
// costs must not depend on what it measures.
//
// Loads are for servers on this machine, bounded in number and in time.
package load
