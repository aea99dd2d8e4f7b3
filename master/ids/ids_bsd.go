// SPDX-License-Identifier: ISC

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ids

import "golang.org/x/sys/unix"

// become makes the process act as that user, group first.
func become(uid, gid int) error {
	if err := unix.Setegid(gid); err != nil {
		return err
	}
	if err := unix.Setgroups([]int{gid}); err != nil {
		return err
	}
	return unix.Seteuid(uid)
}

// becomeRoot undoes become, also where that has failed half-way.
func becomeRoot() error {
	if err := unix.Seteuid(0); err != nil {
		return err
	}
	if err := unix.Setegid(0); err != nil {
		return err
	}
	return unix.Setgroups([]int{0})
}

// lower is become where ids are the process's.
func lower(uid, gid int) error { return become(uid, gid) }

func setEffectiveUser(uid int) error { return unix.Seteuid(uid) }
