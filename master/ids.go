// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// Ids are a user and a group to act as. The zero value stands for whoever the
// process is, and switches nothing: without root there is nobody else to be.
type Ids struct{ uid, gid int }

type ids = Ids // as a field, and where only this package looks

// do calls f with the effective ids of i and i's group as the only
// supplementary one, and returns what f returns, or why it was not called. f
// opens, binds or removes what belongs to i, so that a link put in its place by
// that user leads nowhere the user could not go. It must not start a
// process.
//
// Afterwards the process is root again, with root's group as the only
// supplementary one. If the system refuses that, do panics: nothing good can
// come of a master that is neither the one nor the other.
func (i Ids) do(f func() error) error {
	if i == (Ids{}) {
		return f()
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("act as user %d, group %d: %w", i.uid, i.gid, syscall.EPERM)
	}
	// Where these ids are a thread's, f must stay on the thread that has them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if err := becomeRoot(); err != nil {
			panic(fmt.Sprintf("master: cannot become root again: %v", err))
		}
	}()
	if err := become(i.uid, i.gid); err != nil {
		return fmt.Errorf("act as user %d, group %d: %w", i.uid, i.gid, err)
	}
	return f()
}

// DropGroups makes root's group the only one of the whole process, as every
// daemon expects to find it, whatever groups the shell had that started
// master. It is for root alone, and for once, before processes are started.
func DropGroups() error {
	// Package syscall's calls change every thread there is; those to come
	// take after them.
	if err := syscall.Setgroups([]int{0}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(0); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	return nil
}
