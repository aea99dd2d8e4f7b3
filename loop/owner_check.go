// SPDX-License-Identifier: ISC

//go:build loopdebug

package loop

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// owner knows who is taking a turn. Between turns anyone may call, as a
// program does that sets its loop up first and runs it then.
type owner struct {
	who shared // 0: no turn is being taken
}

func (o *owner) enter() {
	runtime.LockOSThread() // the thread's id is only a proof while we stay on it
	o.who.Store(self())
}

func (o *owner) leave() {
	o.who.Store(0)
	runtime.UnlockOSThread()
}

func (o *owner) check() {
	if who := o.who.Load(); who != 0 && who != self() {
		panic("loop: called from a goroutine that does not run the loop; only Post may be")
	}
}

// identity knows the file behind a descriptor.
type identity struct{ dev, ino uint64 }

func (id *identity) take(fd int) { *id = identify(fd) }

func (id *identity) verify(fd int) {
	if *id != identify(fd) {
		panic(fmt.Sprintf("loop: descriptor %d was closed before its Watch was stopped", fd))
	}
}

func identify(fd int) identity {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return identity{}
	}
	return identity{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // their types differ between systems
}
