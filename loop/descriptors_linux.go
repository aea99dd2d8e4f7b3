// SPDX-License-Identifier: ISC

package loop

import "golang.org/x/sys/unix"

// ReserveDescriptors has the system make room for n descriptors at once, for who
// is about to need as many. Otherwise the room is doubled each time that it is
// full, and each time a process of several threads, which everyone in Go is,
// waits for all processors: some 8 ms (Linux; elsewhere nothing is to be done).
// The limit of open files stays what it is, and bounds n.
func (l *Loop) ReserveDescriptors(n int) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur == 0 {
		return
	}
	last := min(uint64(max(n, 1)), limit.Cur) - 1
	if fd, err := unix.FcntlInt(uintptr(l.mail.waker.readable()), unix.F_DUPFD_CLOEXEC, int(last)); err == nil {
		unix.Close(fd)
	}
}
