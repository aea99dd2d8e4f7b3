// SPDX-License-Identifier: ISC

package maillog

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const hasJournal = true

// sendFile sends the journal what is too long for a datagram: the descriptor of
// a file in memory that nobody can change any more, since the journal reads
// none that might be. EMSGSIZE says that there is no such file to be had; other
// errors are the socket's.
func sendFile(fd int, fields []byte) error {
	file, err := unix.MemfdCreate("log", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return syscall.EMSGSIZE
	}
	defer unix.Close(file)
	for len(fields) > 0 {
		n, err := unix.Write(file, fields)
		if err != nil {
			return syscall.EMSGSIZE
		}
		fields = fields[n:]
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(file), unix.F_ADD_SEALS, seals); err != nil {
		return syscall.EMSGSIZE
	}
	return unix.Sendmsg(fd, nil, unix.UnixRights(file), nil, 0)
}
