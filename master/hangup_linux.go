// SPDX-License-Identifier: ISC

package master

import "golang.org/x/sys/unix"

// bytesToRead is the request for how many bytes a socket holds.
const bytesToRead = unix.TIOCINQ
