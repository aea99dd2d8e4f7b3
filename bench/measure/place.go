// SPDX-License-Identifier: ISC

//go:build linux

package measure

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Processors returns those that this process may use.
func Processors() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var list []int
	for cpu := 0; len(list) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list, nil
}

func setOf(cpus []int) *unix.CPUSet {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return &set
}

// StartOn calls start with its thread on the given processors, which a process
// that it starts inherits.
func StartOn(cpus []int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	if err := unix.SchedSetaffinity(0, setOf(cpus)); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	err := start()
	if e := unix.SchedSetaffinity(0, &before); err == nil && e != nil {
		err = os.NewSyscallError("sched_setaffinity", e)
	}
	return err
}

// Settle puts this process, with all its threads, on the given processors.
func Settle(cpus []int) error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(tid, setOf(cpus)); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("sched_setaffinity", err)
		}
	}
	return nil
}
