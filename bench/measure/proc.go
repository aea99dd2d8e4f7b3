// SPDX-License-Identifier: ISC

//go:build linux

package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat, USER_HZ, which Linux has
// fixed at 100 for every architecture Go runs on but Alpha.
const tick = time.Second / 100

// Fields of /proc/PID/stat, counted from the state, which follows the name.
const (
	statParent = 1
	statUtime  = 11
	statStime  = 12
	statCutime = 13
	statCstime = 14
)

// stat returns the fields of /proc/PID/stat from the state on; nothing, when
// there is no such process.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

func number(fields []string, i int) int {
	if i >= len(fields) {
		return 0
	}
	n, _ := strconv.Atoi(fields[i])
	return n
}

// descendants returns root and all processes that descend from it.
func descendants(root int) []int {
	if root <= 0 || len(stat(root)) == 0 {
		return nil
	}
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			parent := number(stat(pid), statParent)
			children[parent] = append(children[parent], pid)
		}
	}
	list := []int{root}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// Own is the processor time of a process's threads alone, without that of
// processes that it has started: exact, but short of threads that have ended.
func Own(pid int) (sum time.Duration) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		text, _ := os.ReadFile(dir + "/" + e.Name() + "/schedstat")
		first, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// Stopped reports whether a process is stopped by a signal.
func Stopped(pid int) bool {
	f := stat(pid)
	return len(f) > 0 && f[0] == "T"
}

// statCPU adds up what /proc/PID/stat knows.
func (t *Tree) statCPU() (c CPU) {
	for _, pid := range t.Processes() {
		f := stat(pid)
		c.User += time.Duration(number(f, statUtime)+number(f, statCutime)) * tick
		c.System += time.Duration(number(f, statStime)+number(f, statCstime)) * tick
	}
	return c
}

// Memory is what processes have resident, in bytes.
type Memory struct {
	Processes int
	RSS       int64 // shared pages counted in each
	PSS       int64 // shared pages in proportion
}

// Memory adds up the memory of the processes, less those that run an
// executable of the given names: what is served is not the server.
func (t *Tree) Memory(without ...string) (Memory, error) {
	return t.memory(func(exe string) bool { return !slices.Contains(without, exe) })
}

// MemoryOf adds up the memory of the processes that run an executable.
func (t *Tree) MemoryOf(exe string) (Memory, error) {
	return t.memory(func(s string) bool { return s == exe })
}

func (t *Tree) memory(counts func(exe string) bool) (m Memory, err error) {
	for _, pid := range t.Processes() {
		dir := "/proc/" + strconv.Itoa(pid)
		exe, err := os.Readlink(dir + "/exe")
		if err != nil || !counts(exe) { // it has just ended, or is none of the server's
			continue
		}
		text, err := os.ReadFile(dir + "/smaps_rollup")
		if errors.Is(err, os.ErrNotExist) || len(text) == 0 {
			continue
		}
		if err != nil {
			return m, err
		}
		rss, pss, err := parseRollup(string(text))
		if err != nil {
			return m, fmt.Errorf("%s/smaps_rollup: %w", dir, err)
		}
		m.Processes++
		m.RSS += rss
		m.PSS += pss
	}
	return m, nil
}

// Switches adds up the context switches of all threads of the processes that
// run an executable, and counts the threads.
func (t *Tree) Switches(exe string) (n, threads int) {
	for _, pid := range t.Processes() {
		dir := "/proc/" + strconv.Itoa(pid)
		if to, err := os.Readlink(dir + "/exe"); err != nil || to != exe {
			continue
		}
		entries, _ := os.ReadDir(dir + "/task")
		for _, e := range entries {
			text, err := os.ReadFile(dir + "/task/" + e.Name() + "/status")
			if err != nil {
				continue
			}
			threads++
			for line := range strings.Lines(string(text)) {
				if name, value, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "voluntary_ctxt_switches") {
					more, _ := strconv.Atoi(strings.TrimSpace(value))
					n += more
				}
			}
		}
	}
	return n, threads
}

// Runs counts the processes that run an executable.
func (t *Tree) Runs(exe string) (n int) {
	for _, pid := range t.Processes() {
		if to, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil && to == exe {
			n++
		}
	}
	return n
}

// parseRollup reads a smaps_rollup.
func parseRollup(text string) (rss, pss int64, err error) {
	for name, to := range map[string]*int64{"Rss:": &rss, "Pss:": &pss} {
		found := false
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				if err != nil {
					return 0, 0, err
				}
				*to, found = n<<10, true
			}
		}
		if !found {
			return 0, 0, fmt.Errorf("no line %s", name)
		}
	}
	return rss, pss, nil
}

// Descriptors is how many pid has open, or -1.
func Descriptors(pid int) int {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// Busy is how long the processors of the machine have been at work on
// anything since it started, and for how long its host gave them to others.
func Busy() (busy, stolen time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseBusy(string(text))
}

// parseBusy reads the first line of /proc/stat: user, nice, system, idle,
// iowait, irq, softirq, steal. Guests are in user already.
func parseBusy(text string) (busy, stolen time.Duration, err error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks [8]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(f[i+1], 10, 64); err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
	}
	sum := ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
	return time.Duration(sum) * tick, time.Duration(ticks[7]) * tick, nil
}
