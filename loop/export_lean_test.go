// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import "golang.org/x/sys/unix"

// BearStopped makes a child that becomes a user, if uid is not 0, stops, and
// would then exit with status 3.
func (l *Loop) BearStopped(uid int) (pid int, err error) {
	s := l.starter.(*lean)
	s.try()
	s.begin(false)
	s.add("setsid", unix.SYS_SETSID)
	if uid != 0 {
		s.add("setresuid", unix.SYS_SETRESUID, asItIs, 0, asItIs)
		s.become(&User{UID: uid, GID: uid})
	}
	s.add("kill", unix.SYS_KILL, 0, uintptr(unix.SIGSTOP))
	s.add("exit_group", unix.SYS_EXIT_GROUP, 3)
	if pid, err = s.bear(); err == nil {
		_ = unix.Close(int(s.birth.pidfd))
	}
	return pid, err
}
