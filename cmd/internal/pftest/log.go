// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// Lines returns the log so far.
func (p *Instance) Lines() []string {
	p.t.Helper()
	text, err := os.ReadFile(p.LogFile)
	if os.IsNotExist(err) {
		return nil
	}
	p.must(err)
	lines := strings.Split(string(text), "\n")
	return lines[:len(lines)-1] // what follows the last newline is not yet a line
}

// Grep returns the log lines that match a regular expression.
func (p *Instance) Grep(expr string) []string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	var found []string
	for _, line := range p.Lines() {
		if re.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// clock matches what a daemon says of a machine that sets its clock.
var clock = regexp.MustCompile(`file system clock is \d+ seconds ahead of local clock|resetting file time stamps`)

// Complaints returns the log lines of somebody who is not content, but for
// those about the machine's clock.
func (p *Instance) Complaints() []string {
	p.t.Helper()
	return slices.DeleteFunc(p.Grep(`warning|error|fatal|panic`), clock.MatchString)
}

// Count returns how many log lines match a regular expression.
func (p *Instance) Count(expr string) int {
	p.t.Helper()
	return len(p.Grep(expr))
}

// WaitLog waits for a log line that matches a regular expression.
func (p *Instance) WaitLog(expr string) string {
	p.t.Helper()
	var found []string
	p.Until("the log has "+expr, func() bool {
		found = p.Grep(expr)
		return len(found) > 0
	})
	return found[0]
}

// normal replaces what differs between two runs of the same thing: when, who,
// where, how large and how long.
var normal = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`^\w{3} +\d+ \d\d:\d\d:\d\d \S+ (\S+)\[\d+\]: `), "$1: "},
	{regexp.MustCompile(`\b(pid|PID:|process id) ?\d+`), "$1 N"},
	{regexp.MustCompile(`generation \d+`), "generation N"},
	{regexp.MustCompile(`unknown status: \d+ allegedly`), "unknown status: N allegedly"},
	{regexp.MustCompile(`: [0-9A-F]{6,}: `), ": QUEUEID: "},
	{regexp.MustCompile(`queued as [0-9A-F]{6,}`), "queued as QUEUEID"},
	{regexp.MustCompile(`(127\.0\.0\.1\]?):\d{2,5}\b`), "$1:PORT"},
	{regexp.MustCompile(`-- version \S+, `), "-- version V, "},
	{regexp.MustCompile(`https?://www\.postfix`), "http://www.postfix"}, // https from 3.12 on
	{regexp.MustCompile(`message-id=<[^>]*>`), "message-id=<ID>"},
	{regexp.MustCompile(`\bsize=\d+`), "size=N"},
	{regexp.MustCompile(`\b(delay|delays|conn_use)=[0-9./]+`), "$1=N"},
	{regexp.MustCompile(`<[a-z]+\d*@example\.test>`), "<USER@example.test>"},
	{regexp.MustCompile(`max (connection|message|recipient|cache|newtls|auth) .*`), "max $1"},
	{regexp.MustCompile(` at \w{3} +\d+ \d\d:\d\d:\d\d`), " at TIME"},
}

// Normal returns a log line without what differs between two runs.
func (p *Instance) Normal(line string) string {
	line = strings.ReplaceAll(line, p.Dir, "DIR")
	for _, n := range normal {
		line = n.re.ReplaceAllString(line, n.to)
	}
	return line
}

// NormalLines returns how often each normalised line is in the log.
func (p *Instance) NormalLines() map[string]int {
	p.t.Helper()
	lines := make(map[string]int)
	for _, line := range p.Lines() {
		lines[p.Normal(line)]++
	}
	return lines
}
