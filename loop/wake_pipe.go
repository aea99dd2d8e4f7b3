// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// waker is a descriptor that any goroutine can make readable.
type waker struct{ r, w int }

func newWaker() (waker, error) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil { // darwin has no pipe2
		return waker{}, os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			_ = unix.Close(p[0])
			_ = unix.Close(p[1])
			return waker{}, os.NewSyscallError("fcntl", err)
		}
	}
	return waker{p[0], p[1]}, nil
}

func (w waker) readable() int { return w.r }

// wake cannot fail but by misuse: there is one byte in the pipe at the most.
func (w waker) wake() { _, _ = unix.Write(w.w, []byte{1}) }

func (w waker) quiet() {
	var n [8]byte
	_, _ = unix.Read(w.r, n[:])
}

func (w waker) close() {
	_ = unix.Close(w.r)
	_ = unix.Close(w.w)
}
