// SPDX-License-Identifier: ISC

package loop

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fatalSignals would end the program that takes our place before it has had
// the time to say what it does about them.
var fatalSignals = []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2}

// Become is Loop.Become for a program that has no loop yet.
func Become(path string, args, env []string, keep []int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	for _, s := range fatalSignals {
		const bits = 8 * int(unsafe.Sizeof(set.Val[0]))
		set.Val[(int(s)-1)/bits] |= 1 << ((int(s) - 1) % bits)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		return err
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	for i, fd := range keep {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			closeOnExec(keep[:i])
			return err
		}
	}
	defer closeOnExec(keep)
	return syscall.Exec(path, args, env)
}

// Inheritable lists the descriptors from first on that a program in this one's
// place would have.
func Inheritable(first int) (fds []int, err error) {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	for _, e := range dir {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < first {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}

func closeOnExec(fds []int) {
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
}

// UnblockSignals undoes, for the loop's thread, what Become has done before
// this program began.
func (l *Loop) UnblockSignals() {
	l.owner.check()
	unblockSignals()
}
