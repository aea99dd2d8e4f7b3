// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Cgroup is a group of processes whose number can be limited, which is the one
// limit that root is bound by.
type Cgroup struct {
	t   testing.TB
	dir string
}

// NewCgroup makes a group, under the first version of the interface or the
// second, mounted already or not. A machine that lets nobody have one, as most
// containers do, skips the test: nothing else there can make fork fail.
func NewCgroup(t testing.TB) *Cgroup {
	t.Helper()
	var failed []error
	try := func(parent string, v1 bool) *Cgroup {
		g, err := newCgroup(t, parent, v1)
		if err != nil {
			failed = append(failed, err)
		}
		return g
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		// ... root mount-point options - type source super-options
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		v1 := kind[0] == "cgroup" && strings.Contains(","+kind[2]+",", ",pids,")
		if v1 || kind[0] == "cgroup2" {
			if g := try(place[4], v1); g != nil {
				return g
			}
		}
	}
	for _, m := range []struct{ kind, options string }{{"cgroup2", ""}, {"cgroup", "pids"}} {
		dir, err := os.MkdirTemp("", "pfcgroup")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		if err := unix.Mount("none", dir, m.kind, 0, m.options); err != nil {
			failed = append(failed, &os.PathError{Op: "mount " + m.kind, Path: dir, Err: err})
			continue
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		if g := try(dir, m.kind == "cgroup"); g != nil {
			return g
		}
	}
	t.Skipf("no group of processes can be limited here: %v", errors.Join(failed...))
	return nil
}

func newCgroup(t testing.TB, parent string, v1 bool) (*Cgroup, error) {
	if !v1 { // the root hands its controllers down only if told to
		if err := os.WriteFile(parent+"/cgroup.subtree_control", []byte("+pids"), 0o644); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, "pftest")
	if err != nil {
		return nil, err
	}
	g := &Cgroup{t: t, dir: dir}
	t.Cleanup(func() {
		g.Unlimit()
		Until(t, "the group is empty and gone", -1, func() bool {
			err := os.Remove(g.dir)
			return err == nil || os.IsNotExist(err)
		})
	})
	return g, nil
}

// Add moves a process into the group, where what it starts will be as well.
func (g *Cgroup) Add(pid int) {
	g.t.Helper()
	g.write("cgroup.procs", strconv.Itoa(pid))
}

// Limit lets the group have extra more tasks than it has now: processes, and
// threads.
func (g *Cgroup) Limit(extra int) {
	g.t.Helper()
	text, err := os.ReadFile(g.dir + "/pids.current")
	if err != nil {
		g.t.Fatal(err)
	}
	now, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.write("pids.max", strconv.Itoa(now+extra))
}

// Unlimit lets the group have as many tasks as it wants.
func (g *Cgroup) Unlimit() {
	g.t.Helper()
	g.write("pids.max", "max")
}

func (g *Cgroup) write(file, text string) {
	g.t.Helper()
	if err := os.WriteFile(g.dir+"/"+file, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}
