// SPDX-License-Identifier: ISC

//go:build linux

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// waker is a descriptor that any goroutine can make readable.
type waker struct{ fd int }

func newWaker() (waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return waker{fd}, os.NewSyscallError("eventfd", err)
}

func (w waker) readable() int { return w.fd }

// wake cannot fail but by misuse: the counter is one at the most.
func (w waker) wake() { _, _ = unix.Write(w.fd, []byte{1, 1, 1, 1, 1, 1, 1, 1}) }

func (w waker) quiet() {
	var n [8]byte
	_, _ = unix.Read(w.fd, n[:])
}

func (w waker) close() { _ = unix.Close(w.fd) }
