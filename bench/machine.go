// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/bench/report"
)

// facts are what has to be known about the machine and the run.
func (b *bench) facts() []report.Fact {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	kernel := unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:]) + " " + unix.ByteSliceToString(uts.Machine[:])
	who := "root; commands run as " + commandUser
	if !b.world.Root {
		who = "not root: no command runs as another user, and servers that need root take no part"
	}
	return []report.Fact{
		{Name: "date", Value: time.Now().UTC().Format("2006-01-02 15:04 UTC")},
		{Name: "commit", Value: commit()},
		{Name: "machine", Value: fmt.Sprintf("%s, %d processors of which %d are used%s, %s", processor(), runtime.NumCPU(), len(b.cpus), virtual(), memory())},
		{Name: "kernel", Value: kernel},
		{Name: "system", Value: osRelease()},
		{Name: "go", Value: runtime.Version()},
		{Name: "run by", Value: who},
		{Name: "rounds", Value: fmt.Sprintf("%d, in turn; %v each, after a quarter of that to warm up", b.o.rounds, b.o.time)},
	}
}

// method is what is known afterwards.
func (b *bench) method() []report.Fact {
	facts := []report.Fact{{Name: "processor time", Value: strings.Join(slices.Sorted(maps.Keys(b.methods)), "; ")}}
	if len(b.others) == 0 {
		return facts
	}
	noisy := 0
	for _, other := range b.others {
		if other > disturbed {
			noisy++
		}
	}
	facts = append(facts, report.Fact{Name: "further rounds", Value: fmt.Sprintf(
		"%d, of workloads whose rounds did not agree (at most %d each, and within %v in all); the run took %s", b.further, b.o.further, b.o.limit,
		clockTime(time.Since(b.clock.began)),
	)})
	list := slices.Sorted(slices.Values(b.others))
	return append(facts, report.Fact{Name: "disturbance", Value: fmt.Sprintf(
		"something else used %.2f processors (median; nine of ten measurements: less than %.2f). Above %v a measurement was made again, "+
			"%d times in all; %d of %d stayed above", report.Quantile(list, 0.5), report.Quantile(list, 0.9), disturbed, b.again, noisy, len(list),
	)})
}

// commit is what is measured.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// processor is the model's name.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// virtual says so of a virtual machine.
func virtual() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if strings.Contains(string(text), " hypervisor") {
		return ", virtual"
	}
	return ""
}

func memory() string {
	text, _ := os.ReadFile("/proc/meminfo")
	var kb int64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kb); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%d GiB", (kb+1<<19)>>20)
}

func osRelease() string {
	text, _ := os.ReadFile("/etc/os-release")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return "unknown"
}
