// SPDX-License-Identifier: ISC

package watchdog

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watchdogInfo is struct watchdog_info of <linux/watchdog.h>.
type watchdogInfo struct {
	options, firmware uint32
	identity          [32]byte
}

// setTimeout asks for so many seconds, and returns how many it is: 0 if the
// device does not say.
func setTimeout(fd, seconds int) (int, error) {
	value := int32(seconds)
	err := ioctl(fd, unix.WDIOC_SETTIMEOUT, unsafe.Pointer(&value))
	if err == nil {
		return int(value), nil // the kernel writes what it took
	}
	value = 0
	if ioctl(fd, unix.WDIOC_GETTIMEOUT, unsafe.Pointer(&value)) != nil {
		value = 0
	}
	return int(value), err
}

// isStoppable reports whether the device knows the magic close. Whether the
// kernel lets it have an effect, it does not say.
func isStoppable(fd int) bool {
	var info watchdogInfo
	if ioctl(fd, unix.WDIOC_GETSUPPORT, unsafe.Pointer(&info)) != nil {
		return false
	}
	return info.options&unix.WDIOF_MAGICCLOSE != 0
}

func ioctl(fd int, request uintptr, p unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(p))
	if errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}
