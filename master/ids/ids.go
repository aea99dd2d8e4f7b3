// SPDX-License-Identifier: ISC

package ids

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// Pair is a user and a group to act as. The zero value stands for whoever the
// process is, and switches nothing: without root there is nobody else to be.
type Pair struct{ UID, GID int }

// Do calls f with the effective ids of p and p's group as the only
// supplementary one, and returns what f returns, or why it was not called. f
// opens, binds or removes what belongs to p, so that a link put in its place by
// that user leads nowhere the user could not go. It must not start a
// process.
//
// Afterwards the process is root again, with root's group as the only
// supplementary one. If the system refuses that, Do panics: nothing good can
// come of a master that is neither the one nor the other.
func (p Pair) Do(f func() error) error {
	if p == (Pair{}) {
		return f()
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("act as user %d, group %d: %w", p.UID, p.GID, syscall.EPERM)
	}
	// Where these ids are a thread's, f must stay on the thread that has them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if err := becomeRoot(); err != nil {
			panic(fmt.Sprintf("ids: cannot become root again: %v", err))
		}
	}()
	if err := become(p.UID, p.GID); err != nil {
		return fmt.Errorf("act as user %d, group %d: %w", p.UID, p.GID, err)
	}
	return f()
}

// Lower makes the process act as p, as Do does but until AsRoot or the end:
// root stays its real and its saved user and group.
func (p Pair) Lower() error {
	if p == (Pair{}) {
		return nil
	}
	return lower(p.UID, p.GID)
}

// AsRoot calls f as the effective user root, which Lower has left, and returns
// what f returns, or why it was not called. Nothing changes for a process that
// is root, or that never was.
//
// f may start a process, whose user it must say.
func AsRoot(f func() error) error {
	uid := os.Geteuid()
	if uid == 0 || os.Getuid() != 0 {
		return f()
	}
	runtime.LockOSThread() // see Do
	defer runtime.UnlockOSThread()
	if err := setEffectiveUser(0); err != nil {
		return fmt.Errorf("seteuid(0): %w", err)
	}
	defer func() {
		if err := setEffectiveUser(uid); err != nil {
			panic(fmt.Sprintf("ids: cannot become user %d again: %v", uid, err))
		}
	}()
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
