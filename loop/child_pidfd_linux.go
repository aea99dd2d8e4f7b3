// SPDX-License-Identifier: ISC

package loop

import "syscall"

// withPidfd is sys, with the child's pidfd asked for.
func withPidfd(sys *syscall.SysProcAttr, pidfd *int) *syscall.SysProcAttr {
	sys.PidFD = pidfd
	return sys
}

// wasBorn reports whether a failed start got as far as having a child: only
// then has ForkExec touched the pidfd.
func wasBorn(pidfd int, _ error) bool { return pidfd != notBorn }
