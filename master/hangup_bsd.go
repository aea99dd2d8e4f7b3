// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package master

// bytesToRead is FIONREAD, the request for how many bytes a socket holds, which
// x/sys has no name for here.
const bytesToRead = 0x4004667f
