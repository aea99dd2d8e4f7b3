// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"

	"postloop/services/skeleton/mastertest"
)

// TestLogOfADaemonWithoutRoot: it has the file open since it was root, and
// nobody else may write there.
func TestLogOfADaemonWithoutRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	t.Parallel()
	m := mastertest.New(t, mastertest.Options{Privileged: true, Main: "mail_owner = daemon\n"})
	main, err := os.ReadFile(m.Dir + "/etc/main.cf")
	must(t, err)
	must(t, os.WriteFile(m.Dir+"/etc/main.cf", append(main, fmt.Sprintf(
		"log_to = file\nlog_format = json\nmaillog_file = %s/file\nmaillog_file_prefixes = %[1]s\n", m.Dir)...), 0o644))
	d := start(t, mastertest.Options{Master: m, Privileged: true}, "-n", "proxymap", "-u")
	c := talk(t, d.Dial())
	c.lookup("hash:/etc/none", "x")

	var st syscall.Stat_t
	must(t, syscall.Stat(fmt.Sprintf("/proc/%d", d.Pid), &st))
	text, err := os.ReadFile(m.Dir + "/file")
	must(t, err)
	line := regexp.MustCompile(fmt.Sprintf(`"program":"postfix/proxymap","pid":%d,"service":"proxymap/unix","text":"request for unapproved table: \\"hash:/etc/none\\""\}\n`, d.Pid))
	info, err := os.Stat(m.Dir + "/file")
	must(t, err)
	if owner := info.Sys().(*syscall.Stat_t).Uid; st.Uid == 0 || owner != 0 || info.Mode() != 0o600 || !line.Match(text) {
		t.Errorf("process of user %d, file of user %d, mode %v: %s", st.Uid, owner, info.Mode(), text)
	}
}
