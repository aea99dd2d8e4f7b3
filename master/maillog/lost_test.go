// SPDX-License-Identifier: ISC

package maillog_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/master/maillog"
)

// TestLossesAreToldEverywhere: whatever the destination, and in whatever form,
// who reads late gets what was kept, in order, and then how much was not.
func TestLossesAreToldEverywhere(t *testing.T) {
	const sent = 4000
	for name, c := range map[string]struct {
		kind   maillog.Kind
		format maillog.Format
	}{
		"syslog":   {maillog.Syslog, maillog.Text},
		"postlogd": {maillog.Postlog, maillog.Text},
		"file":     {maillog.File, maillog.Text},
		"JSON":     {maillog.File, maillog.JSON},
	} {
		t.Run(name, func(t *testing.T) {
			d := maillog.Dest{Kind: c.kind, Format: c.format, Path: socketPath(t)}
			var next func() string
			if c.kind == maillog.File { // a pipe, since a file never is in the way
				d.File = filepath.Join(t.TempDir(), "pipe")
				next = pipe(t, d.File)
			} else {
				s := serve(t, d.Path)
				next = func() string { return s.next(t) }
			}
			l := newLogger(t, newClock())
			open(t, l, d)
			for i := range sent {
				l.Infof("line %d %s", i, strings.Repeat("x", 40))
			}
			lost := int(l.Lost())
			if lost == 0 || l.FD() < 0 {
				t.Fatalf("lost %d, descriptor %d", lost, l.FD())
			}
			for i := range sent - lost {
				if got := next(); !strings.Contains(got, fmt.Sprintf("line %d x", i)) {
					t.Fatalf("got %q for line %d", got, i)
				}
				l.Flush()
			}
			got := next()
			if !strings.Contains(got, fmt.Sprintf("%d log lines lost: their destination did not take them in time", lost)) || !strings.Contains(got, "warning") {
				t.Errorf("got %q", got)
			}
			if c.format == maillog.JSON && !json.Valid([]byte(got)) {
				t.Errorf("no JSON: %q", got)
			}
			if l.Pending() || int(l.Lost()) != lost {
				t.Errorf("pending %v, lost %d", l.Pending(), l.Lost())
			}
		})
	}
}

// pipe makes a named pipe and returns what reads a line from it.
func pipe(t *testing.T, path string) (next func() string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(r)
	return func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
}
