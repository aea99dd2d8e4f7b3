// SPDX-License-Identifier: ISC

package lspawn

import "golang.org/x/sys/unix"

// softHere are those that not every system has.
var softHere []unix.Errno
