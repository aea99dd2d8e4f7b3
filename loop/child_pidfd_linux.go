// SPDX-License-Identifier: ISC

package loop

import "golang.org/x/sys/unix"

// withPidfd is sys, with the child's pidfd asked for.
func withPidfd(sys *unix.SysProcAttr, pidfd *int) *unix.SysProcAttr {
	var with unix.SysProcAttr
	if sys != nil {
		with = *sys
	}
	with.PidFD = pidfd
	return &with
}

// wasBorn reports whether a failed start got as far as having a child: only
// then has ForkExec touched the pidfd.
func wasBorn(pidfd int, _ error) bool { return pidfd != notBorn }
