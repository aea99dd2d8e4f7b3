// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// setSubreaper has the kernel give us the descendants whose parents end, or no
// longer.
func setSubreaper(on bool) error {
	value := uintptr(0)
	if on {
		value = 1
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0))
}

// hasChildren reports whether there is a child, dead or alive, and leaves it.
func hasChildren() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}

// childrenOf lists the children of a process. Where there is no /proc it finds
// none.
func childrenOf(parent int) (list []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }() // nothing was written
	names, _ := dir.Readdirnames(-1)   // as far as it goes
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err == nil && parentIn(stat) == parent {
			list = append(list, pid)
		}
	}
	return list
}

// parentIn reads the number of the parent in a /proc/PID/stat, whose second
// field is a name in parentheses with anything in it; 0 if there is none.
func parentIn(stat []byte) int {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(string(fields[1]))
	return pid
}
