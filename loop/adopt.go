// SPDX-License-Identifier: ISC

package loop

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Adopt makes the process pid, a child of this process that the loop does not
// know, one of its own, as if Spawn had started it: a program that has taken
// the place of another in the same process has the other's children. One that
// has ended already is reported in a later turn. The error says that there is no
// such child.
func (l *Loop) Adopt(pid int, exited func(Exit)) error {
	l.owner.check()
	if l.closed {
		return ErrClosed
	}
	if l.children[pid] != nil {
		return fmt.Errorf("adopt process %d: it is known already", pid)
	}
	if !isChild(pid) {
		return fmt.Errorf("adopt process %d: %w", pid, unix.ECHILD)
	}
	l.quietly()
	l.attend(pid, openPidfd(pid), exited)
	return nil
}

// ChildPids are the numbers of those that Children counts, in their order.
func (l *Loop) ChildPids() []int {
	list := make([]int, 0, len(l.children))
	for pid := range l.children {
		list = append(list, pid)
	}
	slices.Sort(list)
	return list
}

// Reported tells whether nothing waits for a callback that has been learnt of
// already: an exit, a signal, something put off. Asked between two turns.
func (l *Loop) Reported() bool {
	return !l.reapNow && len(l.later)+len(l.dirty)+len(l.again)+len(l.exits)+len(l.ended) == 0 && l.mail.waiting() == 0
}
