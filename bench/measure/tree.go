// SPDX-License-Identifier: ISC

//go:build linux

package measure

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is processor time.
type CPU struct{ User, System time.Duration }

// Total is both.
func (c CPU) Total() time.Duration { return c.User + c.System }

// Sub is what has come since before.
func (c CPU) Sub(before CPU) CPU { return CPU{c.User - before.User, c.System - before.System} }

// Tree is a server with all the processes that it has started, as long as
// they live and beyond.
type Tree struct {
	dir  string // of the control group; empty: none could be made
	v2   bool
	root int // the first process, which whoever has started it waits for
}

// NewTree makes a Tree without a process. The server's first process enters
// it by writing its number into the file Entrance.
func NewTree(name string) *Tree {
	name = fmt.Sprintf("bench-%d-%s", unix.Getpid(), name)
	for _, h := range hierarchies() {
		dir := h.dir + "/" + name
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		t := &Tree{dir: dir, v2: h.v2}
		if _, err := t.CPU(); err == nil {
			return t
		}
		_ = os.Remove(dir)
	}
	return &Tree{}
}

// Entrance is the file that takes the number of the first process; empty: there
// is none.
func (t *Tree) Entrance() string {
	if t.dir == "" {
		return ""
	}
	return t.dir + "/cgroup.procs"
}

// SetRoot says which process is the server.
func (t *Tree) SetRoot(pid int) { t.root = pid }

// Method says how processor time is known.
func (t *Tree) Method() string {
	switch {
	case t.dir == "":
		return "utime, stime, cutime and cstime in /proc/PID/stat of the server's processes: short of children that are not waited for, in units of 10 ms"
	case t.v2:
		return "cpu.stat of a version 2 control group of the server's own: exact, dead children included"
	default:
		return "cpuacct of a version 1 control group of the server's own: exact, dead children included"
	}
}

// CPU is the processor time that all have used so far.
func (t *Tree) CPU() (CPU, error) {
	switch {
	case t.dir == "":
		return t.statCPU(), nil
	case t.v2:
		text, err := os.ReadFile(t.dir + "/cpu.stat")
		if err != nil {
			return CPU{}, err
		}
		return parseCPUStat(string(text))
	}
	var c CPU
	for file, to := range map[string]*time.Duration{"/cpuacct.usage_user": &c.User, "/cpuacct.usage_sys": &c.System} {
		text, err := os.ReadFile(t.dir + file)
		if err != nil {
			return CPU{}, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("%s%s: %w", t.dir, file, err)
		}
		*to = time.Duration(n)
	}
	return c, nil
}

// parseCPUStat reads the cpu.stat of a version 2 group.
func parseCPUStat(text string) (c CPU, err error) {
	found := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		to := map[string]*time.Duration{"user_usec": &c.User, "system_usec": &c.System}[name]
		if to == nil {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("cpu.stat: %s: %w", name, err)
		}
		*to = time.Duration(n) * time.Microsecond
		found++
	}
	if found != 2 {
		return CPU{}, errors.New("cpu.stat has no user_usec and system_usec")
	}
	return c, nil
}

// Processes returns those that live.
func (t *Tree) Processes() []int {
	if t.dir == "" {
		return descendants(t.root)
	}
	text, err := os.ReadFile(t.dir + "/cgroup.procs")
	if err != nil {
		return nil
	}
	var list []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			list = append(list, pid)
		}
	}
	return list
}

// killTime is how long dead processes may take to be gone.
const killTime = 10 * time.Second

// Kill ends every process, and the Tree.
func (t *Tree) Kill() error {
	for end := time.Now().Add(killTime); ; {
		if t.v2 {
			_ = os.WriteFile(t.dir+"/cgroup.kill", []byte("1"), 0)
		}
		list := t.Processes()
		for _, pid := range list {
			_ = unix.Kill(pid, unix.SIGKILL)
			if pid != t.root { // it may have become ours; see Adopt
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
		if len(list) == 0 {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes %v survive SIGKILL", list)
		}
		_, _ = unix.Poll(nil, 2)
	}
	if t.dir == "" {
		return nil
	}
	// The group is empty when the last of them has been waited for.
	for end := time.Now().Add(killTime); ; _, _ = unix.Poll(nil, 2) {
		err := os.Remove(t.dir)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
	}
}

// Adopt makes this process the parent of what servers leave behind: it can
// then be found, and waited for.
func Adopt() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// Bury waits for all children of this process that have ended: those that it
// has adopted, and no others must there be.
func Bury() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// hierarchy is where control groups can be made.
type hierarchy struct {
	dir string
	v2  bool
}

// hierarchies returns this process's own groups, version 2 first.
func hierarchies() []hierarchy {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	groups, _ := os.ReadFile("/proc/self/cgroup")
	return findHierarchies(string(mounts), string(groups))
}

// findHierarchies reads mountinfo and cgroup of /proc/PID.
func findHierarchies(mounts, groups string) (list []hierarchy) {
	v2, v1 := "", ""
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		switch {
		case len(where) < 5 || len(what) < 3:
		case what[0] == "cgroup2":
			v2 = where[4]
		case what[0] == "cgroup" && slices.Contains(strings.Split(what[2], ","), "cpuacct"):
			v1 = where[4]
		}
	}
	for line := range strings.Lines(groups) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		path = strings.TrimSuffix(path, "/")
		switch {
		case number == "0" && controllers == "" && v2 != "":
			list = append([]hierarchy{{v2 + path, true}}, list...)
		case slices.Contains(strings.Split(controllers, ","), "cpuacct") && v1 != "":
			list = append(list, hierarchy{v1 + path, false})
		}
	}
	return list
}
