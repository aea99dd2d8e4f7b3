// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit of the times in /proc/PID/stat, USER_HZ, which Linux has
// fixed at 100 for every architecture Go runs on but Alpha.
const tick = time.Second / 100

// Children returns the processes whose parent is pid, zombies included.
func Children(pid int) []int {
	var list []int
	for _, one := range processes() {
		if field(one, 1) == pid {
			list = append(list, one)
		}
	}
	return list
}

// Zombies returns the children of pid that nobody has reaped.
func Zombies(pid int) []int {
	var list []int
	for _, one := range Children(pid) {
		if f := stat(one); len(f) > 0 && f[0] == "Z" {
			list = append(list, one)
		}
	}
	return list
}

// Processes returns every living process of the instance: those that run one
// of its executables, those it started elsewhere and that still have its
// configuration in their environment, and those at home in its directory.
func (p *Instance) Processes() []int {
	var list []int
	for _, pid := range processes() {
		if pid == os.Getpid() {
			continue
		}
		if f := stat(pid); len(f) == 0 || f[0] == "Z" {
			continue
		}
		dir := "/proc/" + strconv.Itoa(pid)
		exe, _ := os.Readlink(dir + "/exe")
		cwd, _ := os.Readlink(dir + "/cwd")
		env, _ := os.ReadFile(dir + "/environ")
		if strings.HasPrefix(exe, p.Dir+"/") || strings.HasPrefix(cwd, p.Dir) || bytes.Contains(env, []byte("MAIL_CONFIG="+p.Config)) {
			list = append(list, pid)
		}
	}
	return list
}

// Running returns the children of the master that run the program name.
func (p *Instance) Running(name string) []int {
	p.t.Helper()
	var list []int
	for _, pid := range Children(p.Pid()) {
		exe, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		if filepath.Base(exe) == name {
			list = append(list, pid)
		}
	}
	return list
}

// Argv returns the arguments of pid, with a blank between them.
func Argv(pid int) string {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return string(bytes.TrimRight(bytes.ReplaceAll(b, []byte{0}, []byte{' '}), " "))
}

// Descriptors returns what pid has open, by number.
func Descriptors(pid int) map[int]string {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, _ := os.ReadDir(dir)
	open := make(map[int]string, len(entries))
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			open[fd] = to
		}
	}
	return open
}

// CPU returns the processor time that pid has used, in units of 10 ms.
func CPU(pid int) time.Duration {
	return time.Duration(field(pid, 11)+field(pid, 12)) * tick
}

// Threads returns how many threads pid has.
func Threads(pid int) int { return field(pid, 17) }

// Switches returns how often the threads of pid have gone to sleep: each is
// one wake-up since.
func Switches(pid int) int {
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	n := 0
	for _, path := range tasks {
		n += statusField(path, "voluntary_ctxt_switches:")
	}
	return n
}

// Resident returns the resident size of pid in kilobytes.
func Resident(pid int) int {
	return statusField("/proc/"+strconv.Itoa(pid)+"/status", "VmRSS:")
}

func statusField(path, name string) int {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.Atoi(f[0])
				return n
			}
		}
	}
	return 0
}

// processes lists every process there is.
func processes() []int {
	entries, _ := os.ReadDir("/proc")
	var list []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// stat returns the fields of /proc/PID/stat from the third on: the state is
// number 0, the parent number 1. Nothing, when there is no such process.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

func field(pid, n int) int {
	f := stat(pid)
	if len(f) <= n {
		return -1
	}
	v, _ := strconv.Atoi(f[n])
	return v
}

// Session returns the session and the process group of pid.
func Session(pid int) (session, group int) { return field(pid, 3), field(pid, 2) }

// HoldsSteady fails the test unless pid soon has no more descriptors than
// before, and no child that it has not reaped. What is compared should have
// been used alike: some descriptors come with a service's first process. Those
// that stand for a child are not counted but compared with the children.
func HoldsSteady(t testing.TB, pid int, before map[int]string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; awaitChange(-1, look) {
		after, zombies := Descriptors(pid), Zombies(pid)
		had, _ := countDescriptors(before)
		have, pidfds := countDescriptors(after)
		if have <= had && pidfds <= len(Children(pid)) && len(zombies) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("process %d has %d descriptors, had %d, and %d for children, of which it has %d; not reaped: %v\nbefore %v\nafter  %v",
				pid, have, had, pidfds, len(Children(pid)), zombies, before, after)
			return
		}
	}
}

// countDescriptors counts those that stand for a child apart.
func countDescriptors(open map[int]string) (others, pidfds int) {
	for _, to := range open {
		if to == "anon_inode:[pidfd]" {
			pidfds++
		} else {
			others++
		}
	}
	return others, pidfds
}
