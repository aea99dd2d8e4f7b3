// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

var sigchld os.Signal = unix.SIGCHLD

// action is large enough for any architecture's struct sigaction. Nothing here
// looks inside: all zero is the default action in every layout, and the
// handler comes as a copy.
type action [16]uint64

// defaultSigchld takes the runtime's handler for SIGCHLD away. Exits are
// learnt from pidfds, and the handler would interrupt the loop once more for
// every dead child. (The default is to ignore the signal and keep the zombie;
// SIG_IGN proper would lose the exit status.)
func defaultSigchld() { _ = sigaction(unix.SIGCHLD, &action{}, nil) }

// handleSigchld gives SIGCHLD the runtime's handler again. The runtime does
// not know that it was gone, so signal.Notify would not put it back; but it
// has one handler for all signals, and SIGURG's, its own tool for preemption,
// is always there.
func handleSigchld() {
	var a action
	if sigaction(unix.SIGURG, nil, &a) == nil && a != (action{}) {
		_ = sigaction(unix.SIGCHLD, &a, nil)
	}
}

func sigaction(s unix.Signal, set, old *action) error {
	// The size of the kernel's signal set: 16 on MIPS, 8 elsewhere.
	for _, size := range [...]uintptr{8, 16} {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s),
			uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), size, 0, 0)
		if errno == 0 {
			return nil
		}
		if errno != unix.EINVAL {
			return errno
		}
	}
	return unix.EINVAL
}

// unblockSignals gives this thread, and the children it starts, an empty mask,
// whatever the process was started with.
func unblockSignals() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) }
