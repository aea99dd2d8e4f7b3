// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const shortageConfig = `
rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
`

// TestShortage: with one descriptor to spare a client is accepted and no
// process can be made for it, with none it is not accepted. Both wait, and are
// served when there are descriptors again; nobody else notices anything.
func TestShortage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	must(t, s.write("postloop.toml", shortageConfig))
	play := func(script string) { s.play("TestShortage", script) }
	play("start -d\nlog daemon started")
	idle := len(s.descriptors())
	play("dial a unix:run/public/echo\nsend a hello\nexpect a ^hello$")
	was := s.leaveDescriptors(idle+1, 1) // a command is one, its client none
	play(`dial b unix:run/public/echo
		send b I wait
		log warning: service "echo" \(public/echo\): fork: Too many open files -- clients wait, next try in 1s$
		send a still here
		expect a ^still here$`)
	s.limitDescriptors(was)
	play(`expect b ^I wait$
		log service "echo" \(public/echo\): fork: processes can be made again$`)
	s.leaveDescriptors(idle+2, 0)
	play(`dial c unix:run/public/echo
		send c so do I
		log warning: service "echo" \(public/echo\): accept: Too many open files -- clients wait$
		send b still here
		expect b ^still here$`)
	s.limitDescriptors(was)
	play(`expect c ^so do I$
		log service "echo" \(public/echo\): accepting clients again$
		nolog throttl
		signal TERM
		exit TERM`)
}

// descriptors returns what the master has open.
func (s *stage) descriptors() map[int]bool {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.pid), "fd"))
	must(s.t, err)
	open := map[int]bool{}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		must(s.t, err)
		open[fd] = true
	}
	return open
}

// leaveDescriptors lets the master have n more descriptors, once it has no
// more than settled, and returns its limit. A command may answer before the
// master has let go of its client.
func (s *stage) leaveDescriptors(settled, n int) (was unix.Rlimit) {
	s.t.Helper()
	open := s.descriptors()
	for end := time.Now().Add(patience); len(open) > settled; open = s.descriptors() {
		if time.Now().After(end) {
			s.t.Fatalf("%d descriptors are open, want %d", len(open), settled)
		}
	}
	must(s.t, unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &was))
	limit := 0
	for free := 0; free < n || open[limit]; limit++ {
		if !open[limit] {
			free++
		}
	}
	s.limitDescriptors(unix.Rlimit{Cur: uint64(limit), Max: was.Max})
	return was
}

func (s *stage) limitDescriptors(to unix.Rlimit) {
	s.t.Helper()
	must(s.t, unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, &to, nil))
}
