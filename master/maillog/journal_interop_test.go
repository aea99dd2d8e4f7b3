// SPDX-License-Identifier: ISC

//go:build interop && linux

package maillog

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// ownRun runs a journal where /run is its own, and then the arguments as a
// command; when the last entry says "the end", it prints all that the journal
// has of program $1.
const ownRun = `set -e
program=$1; shift
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald &
until [ -S /run/systemd/journal/socket ]; do sleep 0.01; done
"$@" >&2
look() { journalctl --no-pager --quiet --all --output=json --directory=/run/log/journal SYSLOG_IDENTIFIER="$program" "$@"; }
until look | grep -q '"the end"'; do sleep 0.01; done
look
`

const realJournal = "JOURNAL_TEST" // is set in the process that writes

// TestRealJournal: systemd's own reads what we write, the datagrams, the binary
// form of values, and the files in memory.
func TestRealJournal(t *testing.T) {
	long := strings.Repeat("0123456789\n", 100000) // no socket has as large a buffer
	if os.Getenv(realJournal) != "" {
		l := testLogger(t, Dest{Kind: Journal, Name: "box", Facility: "local2"})
		l.About("smtp/inet").ForPid(4711).Warnf("grün\n%s", "x")
		l.sink.put(record{when: when, severity: failure, tag: "box/master", pid: 1, text: "one\ntwo"})
		l.sink.put(record{when: when, severity: info, tag: "box/master", pid: 1, text: long})
		l.Infof("the end")
		if l.Lost() > 0 || l.Pending() {
			t.Errorf("%d lines lost", l.Lost())
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("timeout", "60", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", ownRun, "sh", "box/master", self, "-test.run=^TestRealJournal$")
	c.Env = append(os.Environ(), realJournal+"=1")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for line := range strings.Lines(string(out)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		got = append(got, entry)
	}
	want := []map[string]string{
		{
			"MESSAGE": "warning: grün?x", "PRIORITY": "4", "SYSLOG_FACILITY": "18", "SYSLOG_PID": "4711", "_TRANSPORT": "journal",
			"POSTLOOP_SERVICE": "smtp/inet", "POSTLOOP_SEVERITY": "warning",
		},
		{"MESSAGE": "error: one\ntwo", "PRIORITY": "3", "SYSLOG_TIMESTAMP": "Mar  4 05:06:07 "},
		{"MESSAGE": long, "PRIORITY": "6"},
		{"MESSAGE": "the end"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries", len(got))
	}
	for i, fields := range want {
		for name, value := range fields {
			if got[i][name] != value {
				t.Errorf("entry %d, %s: %.100v, want %.100s", i, name, got[i][name], value)
			}
		}
	}
}
