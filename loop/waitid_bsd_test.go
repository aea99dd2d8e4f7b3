// SPDX-License-Identifier: ISC

//go:build !linux

package loop_test

import "golang.org/x/sys/unix"

// waitid waits for a child's end and leaves it to be collected.
func waitid(pid int) error {
	kq, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(kq) }()
	ev := make([]unix.Kevent_t, 1)
	unix.SetKevent(&ev[0], pid, unix.EVFILT_PROC, unix.EV_ADD)
	ev[0].Fflags = unix.NOTE_EXIT
	_, err = unix.Kevent(kq, ev, ev, nil)
	if err == unix.ESRCH { // a zombie already
		return nil
	}
	return err
}
