// SPDX-License-Identifier: ISC

package lspawn

import "golang.org/x/sys/unix"

// soft are the errors that qmail takes for temporary.
var soft = append([]unix.Errno{
	unix.EINTR, unix.ENOMEM, unix.ETXTBSY, unix.EIO, unix.ETIMEDOUT, unix.EWOULDBLOCK, unix.EAGAIN, unix.EDEADLK, unix.EBUSY,
	unix.ENFILE, unix.EMFILE, unix.EFBIG, unix.ENOSPC, unix.ENETDOWN, unix.ENETUNREACH, unix.ENETRESET, unix.ECONNABORTED,
	unix.ECONNRESET, unix.ENOBUFS, unix.ETOOMANYREFS, unix.ECONNREFUSED, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.EUSERS,
	unix.EDQUOT, unix.ESTALE, unix.ENOLCK,
}, softHere...)
