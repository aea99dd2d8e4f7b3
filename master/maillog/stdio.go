// SPDX-License-Identifier: ISC

package maillog

import (
	"strconv"
	"syscall"
)

// descriptorDirs are where systems show a process its open descriptors.
var descriptorDirs = []string{"/proc/self/fd/", "/dev/fd/"}

// openStdio takes what was inherited as descriptor fd: by a way of our own
// where there is one that does not wait, or else as it is.
func (s *sink) openStdio(fd int) {
	own := openOwn(fd)
	if s.shared = own < 0; !s.shared {
		fd = own
	}
	s.fd, s.framing = fd, lineEnded
}

// openOwn opens anew the terminal or pipe behind fd, for us alone to have in
// non-blocking mode: to ask before a blocking write does not help, because a
// terminal or pipe is writable long before a whole line fits. It returns -1
// where that cannot be done, or need not: the answer is right for sockets,
// and a regular file never waits for a reader, but a second opening would write over
// what others append.
func openOwn(fd int) int {
	var shared syscall.Stat_t
	if syscall.Fstat(fd, &shared) != nil {
		return -1
	}
	if kind := shared.Mode & syscall.S_IFMT; kind != syscall.S_IFIFO && kind != syscall.S_IFCHR {
		return -1
	}
	for _, dir := range descriptorDirs {
		own, err := retryIntr(func() (int, error) {
			const flags = syscall.O_WRONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
			return syscall.Open(dir+strconv.Itoa(fd), flags, 0)
		})
		if err != nil {
			continue
		}
		if isOwn(own, &shared) {
			return own
		}
		_ = syscall.Close(own)
	}
	return -1
}

// isOwn reports whether fd is the shared file and in non-blocking mode: on
// some systems such an opening is another dup(2), in whatever mode others want.
func isOwn(fd int, shared *syscall.Stat_t) bool {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || !sameFile(&st, shared) {
		return false
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	return errno == 0 && flags&syscall.O_NONBLOCK != 0
}
