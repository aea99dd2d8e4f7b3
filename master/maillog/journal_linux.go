// SPDX-License-Identifier: ISC

package maillog

import "golang.org/x/sys/unix"

const hasJournal = true

// sendFile sends the journal what is too long for a datagram: the descriptor of
// a file in memory that nobody can change any more, since the journal reads
// none that might be.
func sendFile(fd int, fields []byte) error {
	file, err := unix.MemfdCreate("log", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	for len(fields) > 0 {
		n, err := unix.Write(file, fields)
		if err != nil {
			return err
		}
		fields = fields[n:]
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(file), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	return unix.Sendmsg(fd, nil, unix.UnixRights(file), nil, 0)
}
