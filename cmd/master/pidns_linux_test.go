// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// newPidNamespace has a process started as number 1 of a namespace.
func newPidNamespace() *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Getuid() != 0 {
		sys.Cloneflags |= syscall.CLONE_NEWUSER
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return sys
}

// hasPidNamespaces reports whether this user may have one.
var hasPidNamespaces = sync.OnceValue(func() bool {
	c := exec.Command("/bin/true")
	c.SysProcAttr = newPidNamespace()
	return c.Run() == nil
})
