// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// ownJournal runs systemd's journal where /run is its own, and the arguments,
// which are a master in the foreground. When that has logged that it has
// started, a service of it has failed, and it has ended on a signal, all that
// the journal has of it is printed. Each line of QUESTIONS must find something.
const ownJournal = `set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald &
until [ -S /run/systemd/journal/socket ] && [ -S /run/systemd/journal/stdout ]; do sleep 0.01; done
"$@" &
master=$!
look() { journalctl --no-pager --quiet --output=json --directory=/run/log/journal SYSLOG_IDENTIFIER=box/master SYSLOG_IDENTIFIER=box/spawn; }
until look | grep -q 'exit status 7'; do sleep 0.01; done
kill $master
until look | grep -q 'terminating on signal 15'; do sleep 0.01; done
printf '%s\n' "$QUESTIONS" | while read -r question; do
	eval "$question --quiet --directory=/run/log/journal" | grep -q . || { echo "no answer: $question" >&2; exit 1; }
done
look
`

// asSystemd starts a command as systemd starts a service whose standard error
// is for the journal.
const asSystemd = `exec systemd-cat --identifier=unit /bin/sh -c '
	JOURNAL_STREAM=$(stat --dereference --format=%d:%i /proc/self/fd/2) exec "$@"' sh "$@"`

// TestJournal: the log in systemd's own journal, where it was asked for, and
// where standard error goes there anyway.
func TestJournal(t *testing.T) {
	beyondPostfix(t, "it has no log_to")
	for name, c := range map[string]struct {
		to      string
		under   []string
		builtin string
	}{
		"on demand":                     {"journal", nil, "spawn"},
		"instead of stderr":             {"stderr", []string{"/bin/sh", "-c", asSystemd, "sh"}, "spawn"},
		"a daemon's":                    {"journal", nil, ""},
		"a daemon's, instead of stderr": {"stderr", []string{"/bin/sh", "-c", asSystemd, "sh"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "jm")
			must(t, err)
			t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
			must(t, os.WriteFile(dir+"/postloop.toml", fmt.Appendf(nil, `rootless = true
state = "run"
daemons = %q
parameters.builtin_services = %q
[log]
to = %q
name = "box"
facility = "local1"
[[service]]
listen = "unix:private/beat"
run = ["/bin/sh", "-c", "exit 7"]
wakeup = "1h"
`, dir, c.builtin, c.to), 0o644))
			must(t, os.Symlink(pftest.Ours(t, "spawn"), dir+"/spawn"))
			args := []string{"60", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", ownJournal, "sh"}
			cmd := exec.Command("timeout", append(append(args, c.under...), underTest(t), "-d", "-c", dir)...)
			cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "QUESTIONS="+questions(t))
			out, err := cmd.Output()
			must(t, err)
			found := map[string]map[string]any{}
			for line := range strings.Lines(string(out)) {
				var entry map[string]any
				must(t, json.Unmarshal([]byte(line), &entry))
				found[fmt.Sprint(entry["MESSAGE"])] = entry
			}
			for message, want := range map[string]map[string]string{
				"warning: command /bin/sh exit status 7": {
					"PRIORITY": "4", "SYSLOG_FACILITY": "17", "SYSLOG_IDENTIFIER": "box/spawn", "_TRANSPORT": "journal",
					"POSTLOOP_SERVICE": "beat/unix", "POSTLOOP_SEVERITY": "warning",
				},
				"terminating on signal 15": {"PRIORITY": "6", "SYSLOG_IDENTIFIER": "box/master", "_TRANSPORT": "journal"},
			} {
				for field, value := range want {
					if got := found[message][field]; got != value {
						t.Errorf("%s: %s is %v, want %s", message, field, got, value)
					}
				}
			}
		})
	}
}

// questions are those to the journal in the documentation.
func questions(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/logging.md")
	must(t, err)
	lines := regexp.MustCompile(`(?m)^journalctl .*$`).FindAllString(string(text), -1)
	if len(lines) == 0 {
		t.Fatal("there are none")
	}
	return strings.NewReplacer("7007/inet", "beat/unix", "FACILITY=2", "FACILITY=17").Replace(strings.Join(lines, "\n"))
}
