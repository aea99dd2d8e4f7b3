// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/skeleton/mastertest"
)

// TestNoProcess: when no process can be made, nobody pretends that one was.
func TestNoProcess(t *testing.T) {
	t.Parallel()
	m := mastertest.New(t, mastertest.Options{})
	d := start(t, mastertest.Options{Master: m}, "argv=/bin/cat")
	conn := d.Dial()
	mastertest.Ask(t, conn, "word")
	d.Says(taken)
	must(t, conn.Close())
	d.Says(available)
	open := descriptors(t, d.Pid)
	limit := 0 // one is free below it: for the client, and a command takes another
	for free := 0; free < 1; limit++ {
		if !open[limit] {
			free++
		}
	}
	must(t, unix.Prlimit(d.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil))
	began := time.Now()
	if got := all(d.Dial()); got != "" || time.Since(began) < time.Second {
		t.Errorf("got %q after %s", got, time.Since(began))
	}
	d.Says(taken)
	d.Exits(1)
	if !strings.Contains(d.Log(), "fatal: fork: Too many open files") {
		t.Error("the log does not say why")
	}
}

// descriptors returns those that a process has open.
func descriptors(t *testing.T, pid int) map[int]bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	must(t, err)
	open := map[int]bool{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		must(t, err)
		open[n] = true
	}
	return open
}
