// SPDX-License-Identifier: ISC

package table

import "golang.org/x/sys/unix"

// Locks of open files conflict with Postfix's, which are those of processes.
// Unlike these they stay when the process closes another descriptor of the
// same file.
const setLock = unix.F_OFD_SETLK
